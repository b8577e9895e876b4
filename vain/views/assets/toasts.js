// Toasts at the edge of the page. The container outlives this component: a page that heals keeps what it was told.
const MOST = 3, SHOWN_MILLISECONDS = 10_000, WORDS = {info: "Info", warning: "▲ Warning", error: "◆ Error"};

function make(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

export function render({model}) {
  const box = document.getElementById("toasts");
  if (!box) return make("span");
  const notifier = pageNotifier();

  function close(toast) {
    const next = toast.nextElementSibling ?? toast.previousElementSibling;
    const held = toast.contains(document.activeElement);
    toast.remove();
    if (held) (next?.querySelector("button") ?? document.getElementById("main")).focus({preventScroll: true});
    countRest();
  }

  function countRest() {
    const left = Number(box.dataset.left ?? 0), more = box.querySelector(".more");
    if (!box.querySelector(".toast")) { box.dataset.left = "0"; more?.remove(); return; }
    if (!left) return;
    const link = more ?? box.appendChild(Object.assign(make("a", "more"), {href: "./alerts"}));
    link.textContent = `and ${left} more`;
  }

  // An error stays until somebody closes it; the rest for a while, and longer while it is looked at.
  function leaveLater(toast) {
    let timer = null;
    const begin = () => { timer = setTimeout(() => close(toast), SHOWN_MILLISECONDS); }, stop = () => clearTimeout(timer);
    for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, stop);
    for (const name of ["pointerleave", "focusout"]) toast.addEventListener(name, () => { stop(); begin(); });
    if (document.hidden) document.addEventListener("visibilitychange", begin, {once: true}); else begin();
  }

  function show({id, level, title, message, address}) {
    const toast = make("div", `toast is-${level}`), link = Object.assign(make("a", "title", title), {href: address});
    toast.setAttribute("role", level === "error" ? "alert" : "status");
    toast.dataset.notification = id;
    const shut = make("button", "shut", "×");
    shut.type = "button";
    shut.setAttribute("aria-label", `Close: ${title}`);
    shut.onclick = () => close(toast);
    toast.append(make("span", "level", WORDS[level] ?? level), link, shut);
    if (message) toast.append(make("p", "message", message));
    box.prepend(toast);
    if (level !== "error") leaveLater(toast);
  }

  function receive(event) {
    const {newest, told} = event.data ?? event;
    box.dataset.newest = newest;
    notifier.take(newest, told);
    for (const each of [...told].reverse()) if (!box.querySelector(`[data-notification="${each.id}"]`)) show(each);
    // The newest are seen, but no info hides a warning or an error; how many gave way is said below.
    const isInfo = (toast) => toast.classList.contains("is-info");
    for (const old of [...box.querySelectorAll(".toast")].sort((one, other) => isInfo(one) - isInfo(other)).slice(MOST)) {
      box.dataset.left = Number(box.dataset.left ?? 0) + 1;
      close(old);
    }
    countRest();
  }

  model.on("msg:custom", receive);
  notifier.follow((awake) => model.send_msg({awake}));
  model.send_msg({newest: box.dataset.newest ? Number(box.dataset.newest) : null});
  return make("span");
}
