// The list of notifications. Titles and messages are somebody's words: they are set as text, never parsed.
const WORDS = {info: "Info", warning: "▲ Warning", error: "◆ Error"};
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"]];
const KINDS = {task: "Tasks", rule: "The machine", vain: "vAIn itself"};

function element(name, className, parent, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  parent.append(made);
  return made;
}

function ago(time) {
  const seconds = (Date.now() - time.getTime()) / 1000;
  const step = STEPS.find(([length]) => seconds >= length);
  return step ? `${Math.floor(seconds / step[0])} ${step[1]} ago` : "just now";
}

const kindOf = (item) => item.kind.split(".")[0];

function linkTo(href, parent, text, label) {
  const made = element("a", "", parent, text);
  made.href = href;
  if (label) made.setAttribute("aria-label", label);
  return made;
}

function choice(parent, label, options, change) {
  const around = element("label", "", parent, label), select = element("select", "", around);
  for (const [value, text] of options) element("option", "", select, text).value = value;
  select.onchange = change;
  return select;
}

export function render({model}) {
  const root = document.createElement("div");
  root.className = "notifications";
  const mark = (ids) => model.send_msg({read: ids});

  const tools = element("div", "tools", root);
  const around = element("label", "", tools), unread = element("input", "", around);
  unread.type = "checkbox";
  around.append("Unread only");
  const level = choice(tools, "Level", [["", "any"], ["error", "Error"], ["warning", "Warning"], ["info", "Info"]], chosen);
  const kind = choice(tools, "About", [["", "anything"], ...Object.entries(KINDS)], chosen);
  unread.onchange = chosen;
  const count = element("span", "count", tools);
  count.setAttribute("role", "status");
  const all = element("button", "", tools, "Mark all read");
  all.type = "button";
  const empty = element("div", "empty", root), list = element("ol", "", root);
  const watched = element("details", "rules", root);
  element("summary", "", watched, "What vAIn tells of");
  const rules = element("ul", "", watched);

  const asked = new URLSearchParams(location.search);
  unread.checked = asked.get("unread") === "1";
  for (const [select, name] of [[level, "level"], [kind, "kind"]]) {
    const wish = asked.get(name) ?? "";
    select.value = [...select.options].some((option) => option.value === wish) ? wish : "";
  }

  function chosen() {
    putInAddress({unread: unread.checked ? "1" : "", level: level.value, kind: kind.value});
    renew();
  }

  function clear() {
    unread.checked = false;
    level.value = kind.value = "";
    chosen();
    unread.focus();
  }

  const matches = (item) => !(unread.checked && item.read) && (!level.value || item.level === level.value) && (!kind.value || kindOf(item) === kind.value);

  function detailsOf(words, item) {
    if (!item.threshold && !item.tasks.length) return;
    const line = element("p", "details", words);
    if (item.threshold) element("span", "", line, `${item.value} against a threshold of ${item.threshold}`);
    if (item.tasks.length) {
      const running = element("span", "", line, "Ran then: ");
      for (const [place, task] of item.tasks.entries()) {
        if (place) running.append(", ");
        linkTo(`/task?id=${task}`, running, `#${task}`, `Task ${task}, which ran then`);
      }
    }
  }

  function entry(item) {
    const row = element("li", `is-${item.level}${item.read ? " is-read" : ""}`, list);
    element("span", "level", row, WORDS[item.level] ?? item.level);
    const words = element("div", "", row);
    if (item.task_id != null) linkTo(`/task?id=${item.task_id}`, element("p", "title", words), item.title);
    else element("p", "title", words, item.title);
    if (item.message) element("p", "message", words, item.message);
    detailsOf(words, item);
    const side = element("div", "side", row), time = new Date(item.timestamp);
    const when = element("time", "", side, ago(time));
    when.dateTime = item.timestamp;
    when.title = time.toLocaleString();
    linkTo(item.moment, side, "Show the moment", `Show the moment on the timeline: ${item.title}`).classList.add("moment");
    if (model.may_write && !item.read) {
      const button = element("button", "", side, "Mark read");
      button.type = "button";
      button.dataset.id = item.notification_id;
      button.setAttribute("aria-label", `Mark as read: ${item.title}`);
      button.onclick = () => mark([item.notification_id]);
    }
  }

  function sayEmpty(shown) {
    empty.replaceChildren();
    empty.hidden = shown.length > 0 || !model.is_read;
    if (empty.hidden) return;
    if (!model.items.length) { element("p", "", empty, "Nothing to report."); return; }
    element("p", "", empty, "No notification matches.");
    const button = element("button", "", empty, "Show all");
    button.type = "button";
    button.onclick = clear;
  }

  function renew() {
    const focused = root.getRootNode().activeElement, id = focused?.dataset?.id, place = [...list.querySelectorAll("button")].indexOf(focused);
    const shown = model.items.filter(matches), fresh = shown.filter((item) => !item.read).map((item) => item.notification_id);
    list.replaceChildren();
    for (const item of shown) entry(item);
    sayEmpty(shown);
    all.hidden = !model.may_write || !fresh.length;
    all.onclick = () => mark(fresh);
    const many = model.items.length >= model.most ? `newest ${model.most}` : `${model.items.length}`;
    count.textContent = !model.is_read ? "Reading…" : model.items.length ? `${shown.length} of ${many}, ${fresh.length} unread` : "";
    tools.hidden = model.is_read && !model.items.length;
    if (place < 0) return;
    const buttons = [...list.querySelectorAll("button")];
    (buttons.find((button) => button.dataset.id === id) ?? buttons[Math.min(place, buttons.length - 1)] ?? unread).focus();
  }

  for (const rule of model.rules) element("li", "", rules, rule);
  element("li", "", rules, "A task that ended, failed, crashed, timed out, is overdue, takes longer than usual or did not come.");
  element("li", "", rules, "An error inside vAIn.");

  renew();
  const openWhenEmpty = () => { if (model.is_read && !model.items.length) watched.open = true; };
  openWhenEmpty();
  model.on("items", renew);
  model.on("is_read", () => { renew(); openWhenEmpty(); });
  const timer = setInterval(() => {
    if (document.hidden) return;
    for (const when of root.querySelectorAll("time")) when.textContent = ago(new Date(when.dateTime));
  }, 20000);
  model.on("remove", () => clearInterval(timer));
  return root;
}
