// The state of the connection: whether it stands, and how it comes back; and the bar for what takes long.
(() => {
  const html = document.documentElement;

  const WORDS = {waiting: "connecting", live: "live", late: "no news", lost: "connection lost – reconnecting", kept: "connection lost – close the dialog to reconnect"};
  const RETRY_MILLISECONDS = 2000, LATE_MILLISECONDS = 5000 + 4000 * Number(html.dataset.period);
  let heardAt = 0;

  function say(state) {
    const sign = document.getElementById("live");
    if (sign.dataset.state === state) return;
    sign.dataset.state = state;
    sign.querySelector(".word").textContent = sign.title = WORDS[state];
  }

  async function returnOnceItAnswers() {
    // Not while somebody is writing in a dialog, whose text would be gone.
    if (html.dataset.editing) {
      say("kept");
      return setTimeout(returnOnceItAnswers, RETRY_MILLISECONDS);
    }
    say("lost");
    try {
      const answer = await fetch("./healthz", {cache: "no-store"});
      if (answer.status < 500) return await comeBack();
    } catch { /* still away */ }
    setTimeout(returnOnceItAnswers, RETRY_MILLISECONDS);
  }

  async function comeBack() {
    if (await window.vainRenew()) return awaitBokeh();
    location.reload();
  }

  function heard() {
    heardAt = Date.now();
    say("live");
  }

  function follow(bokehDocument) {
    heard();
    bokehDocument.on_change(heard);
    const watch = setInterval(() => { if (!document.hidden && Date.now() - heardAt > LATE_MILLISECONDS) say("late"); }, 1000);
    bokehDocument.on_event("connection_lost", () => {
      clearInterval(watch);
      say("lost");
      setTimeout(returnOnceItAnswers, RETRY_MILLISECONDS);
    });
  }

  function awaitBokeh() {
    window.vainBusy(new Promise((drawn) => (function look() {
      const found = window.Bokeh?.documents?.[0];
      if (!found?.roots().length) return setTimeout(look, 100);
      follow(found);
      drawn();
    })()));
  }

  // Shows that the server is waited for, once that takes longer than a second: until what is given has ended.
  let waiting = 0;
  window.vainBusy = async (promise) => {
    waiting += 1;
    const later = setTimeout(() => { document.getElementById("busy").hidden = false; }, 1000);
    try { return await promise; } finally {
      clearTimeout(later);
      waiting -= 1;
      if (!waiting) document.getElementById("busy").hidden = true;
    }
  };

  async function signOut() {
    await fetch("./logout", {method: "POST"});
    location.assign("./login");
  }

  // A hidden page gets no news, so silence says nothing until it had the time to catch up.
  document.addEventListener("visibilitychange", () => { heardAt = Date.now(); });
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("sign-out")?.addEventListener("click", signOut);
    // On a narrow screen the pages stand in a row that is longer than the screen.
    const here = document.querySelector("nav [aria-current]"), row = here?.parentElement;
    if (row) row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
    awaitBokeh();
  });
})();
