// The parts of the page that live without the server: the theme, and whether the connection stands.
(() => {
  const html = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => { try { return localStorage.getItem("vain-theme"); } catch { return null; } };
  if (["light", "dark"].includes(remembered())) html.dataset.theme = remembered();

  function repaint() {
    // Figures read their colours from CSS when they paint; nothing else tells them that it changed.
    for (const view of window.Bokeh?.index?.roots ?? []) (view.request_paint ?? view.request_repaint)?.call(view);
  }

  function toggle() {
    const now = html.dataset.theme ?? (dark.matches ? "dark" : "light");
    html.dataset.theme = now === "dark" ? "light" : "dark";
    try { localStorage.setItem("vain-theme", html.dataset.theme); } catch { /* private window: it lasts for this page */ }
    repaint();
  }

  const WORDS = {waiting: "connecting", live: "live", late: "no news", lost: "connection lost – reconnecting", kept: "connection lost – close the dialog to reconnect"};
  const RETRY_MILLISECONDS = 2000, LATE_MILLISECONDS = 5000 + 4000 * Number(html.dataset.period);
  let heardAt = 0;

  function say(state) {
    const sign = document.getElementById("live");
    if (sign.dataset.state === state) return;
    sign.dataset.state = state;
    sign.querySelector(".word").textContent = sign.title = WORDS[state];
  }

  async function reloadOnceItAnswers() {
    // Bokeh 3.9 cannot fill a page again whose document has binary data, so a fresh page is the way back; but not while
    // somebody is writing in a dialog, whose text would be gone.
    if (html.dataset.editing) {
      say("kept");
      return setTimeout(reloadOnceItAnswers, RETRY_MILLISECONDS);
    }
    say("lost");
    try {
      const answer = await fetch("/healthz", {cache: "no-store"});
      if (answer.status < 500) return location.reload();
    } catch { /* still away */ }
    setTimeout(reloadOnceItAnswers, RETRY_MILLISECONDS);
  }

  function heard() {
    heardAt = Date.now();
    say("live");
  }

  function follow(bokehDocument) {
    heard();
    bokehDocument.on_change(heard);
    const watch = setInterval(() => { if (Date.now() - heardAt > LATE_MILLISECONDS) say("late"); }, 1000);
    bokehDocument.on_event("connection_lost", () => {
      clearInterval(watch);
      say("lost");
      setTimeout(reloadOnceItAnswers, RETRY_MILLISECONDS);
    });
  }

  function awaitBokeh() {
    const found = window.Bokeh?.documents?.[0];
    if (found && found.roots().length) follow(found); else setTimeout(awaitBokeh, 100);
  }

  async function signOut() {
    await fetch("/logout", {method: "POST"});
    location.assign("/login");
  }

  dark.addEventListener("change", repaint);
  addEventListener("storage", (event) => {
    if (event.key === "vain-theme" && event.newValue) { html.dataset.theme = event.newValue; repaint(); }
  });
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", toggle);
    document.getElementById("sign-out")?.addEventListener("click", signOut);
    awaitBokeh();
  });
})();
