// Keys of every page: / searches, ? lists the keys, g and a letter goes to a page.
addEventListener("DOMContentLoaded", () => {
  const {host} = document.documentElement.dataset, ofHost = host ? `?host=${encodeURIComponent(host)}` : "";
  const PAGES = {t: `./${ofHost}`, b: "./board", f: "./flow", m: `./machine${ofHost}`, h: "./fleet", n: "./alerts", s: "./settings"}, TOGETHER_MILLISECONDS = 1500;
  const dialog = document.getElementById("keys"), list = dialog.querySelector("dl"), common = list.children.length;
  let goingUntil = 0;

  function line([key, what]) {
    const row = document.createElement("div"), term = document.createElement("dt"), said = document.createElement("dd"), cap = document.createElement("kbd");
    cap.textContent = key;
    said.textContent = what;
    term.append(cap);
    row.append(term, said);
    return row;
  }

  function help() {
    while (list.children.length > common) list.lastChild.remove();
    list.append(...(window.vainKeys ?? []).map(line));
    dialog.showModal();
  }

  function writes(event) {
    const at = event.composedPath()[0];
    return at instanceof Element && (at.matches("input, textarea, select") || at.isContentEditable);
  }

  function isOurs(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || writes(event)) return false;
    return !dialog.open && !document.documentElement.dataset.editing;
  }

  // Before the page's own keys, which may have a meaning for the same letter.
  addEventListener("keydown", (event) => {
    const isGoing = Date.now() < goingUntil, target = PAGES[event.key];
    goingUntil = 0;
    if (!isOurs(event)) return;
    if (isGoing && target) {
      event.preventDefault();
      event.stopImmediatePropagation();
      location.assign(target);
    } else if (event.key === "g") goingUntil = Date.now() + TOGETHER_MILLISECONDS;
  }, {capture: true});

  addEventListener("keydown", (event) => {
    if (!isOurs(event)) return;
    if (event.key === "/") { event.preventDefault(); document.getElementById("search").focus(); }
    else if (event.key === "?") { event.preventDefault(); help(); }
  });
  document.getElementById("help").addEventListener("click", help);
});
