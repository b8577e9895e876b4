// The list of notifications. Titles and messages are somebody's words: they are set as text, never parsed.
const MOST_USED = 3;
const WORDS = {info: "Info", warning: "▲ Warning", error: "◆ Error"};
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"]];
const KINDS = {task: "Tasks", rule: "The machine", vain: "vAIn itself"};
const OPENED = 50;

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

function linkTo(href, parent, text, label) {
  const made = element("a", "", parent, text);
  made.href = href;
  if (label) made.setAttribute("aria-label", label);
  return made;
}

function button(parent, text, key, onclick, label) {
  const made = element("button", "", parent, text);
  made.type = "button";
  made.dataset.key = key;
  made.onclick = onclick;
  if (label) made.setAttribute("aria-label", label);
  return made;
}

function choice(parent, label, options, change) {
  const around = element("label", "", parent, label), select = element("select", "", around);
  for (const [value, text] of options) element("option", "", select, text).value = value;
  select.onchange = change;
  return select;
}

function whenOf(timestamp, parent) {
  const time = new Date(timestamp), made = element("time", "", parent, ago(time));
  made.dateTime = timestamp;
  made.title = time.toLocaleString();
  return made;
}

export function render({model}) {
  const root = document.createElement("div");
  root.className = "notifications";
  const mark = (ids) => model.send_msg({read: ids});
  const unfold = (fold, opened) => model.send_msg({open: {fold, opened}});
  let wish = {...model.wish};

  const tools = element("div", "tools", root);
  const around = element("label", "", tools), unread = element("input", "", around);
  unread.type = "checkbox";
  around.append("Unread only");
  const level = choice(tools, "Level", [["", "any"], ["error", "Error"], ["warning", "Warning"], ["info", "Info"]], chosen);
  const about = choice(tools, "About", [["", "anything"], ...Object.entries(KINDS)], chosen);
  unread.onchange = chosen;
  const count = element("span", "count", tools);
  count.setAttribute("role", "status");
  const all = button(tools, "Mark all read", "all", () => mark(all.fresh));
  const newer = button(root, "Back to the newest", "newer", () => go(null));
  newer.classList.add("turn");
  const trouble = element("p", "trouble", root), empty = element("div", "empty", root), list = element("ol", "", root);
  trouble.setAttribute("role", "status");
  const older = button(root, "Show older", "older", () => go(model.shown.older));
  older.classList.add("turn");
  const watched = element("details", "rules", root);
  element("summary", "", watched, "What vAIn tells of");
  const rules = element("ul", "", watched);

  function ask(change) {
    wish = {...wish, ...change, request: wish.request + 1};
    putInAddress({unread: wish.unread ? "1" : "", level: wish.level, kind: wish.about, before: wish.before});
    model.send_msg({wish});
    paint();
  }

  function go(before) {
    ask({before});
    root.scrollIntoView({block: "start"});
    unread.focus({preventScroll: true});
  }

  function chosen() { ask({unread: unread.checked, level: level.value, about: about.value, before: null}); }
  function clear() { ask({unread: false, level: "", about: "", before: null}); unread.focus(); }

  function detailsOf(words, item) {
    if (!item.threshold && !item.tasks.length && !item.used.length) return;
    const line = element("p", "details", words);
    if (item.threshold) element("span", "", line, `${item.value} against a threshold of ${item.threshold}`);
    if (item.used.length) {
      const most = element("span", "", line, "Used most: ");
      for (const [place, {name, share, task_id: task}] of item.used.slice(0, MOST_USED).entries()) {
        if (place) most.append(", ");
        if (task != null) linkTo(`./task?id=${task}`, most, name, `Task ${task}, ${name}`); else most.append(name);
        most.append(` ${share}`);
      }
    } else if (item.tasks.length) {
      const running = element("span", "", line, "Ran then: ");
      for (const [place, task] of item.tasks.entries()) {
        if (place) running.append(", ");
        linkTo(`./task?id=${task}`, running, `#${task}`, `Task ${task}, which ran then`);
      }
    }
  }

  function titleOf(item, parent) {
    const title = element("p", "title", parent);
    if (item.task_id != null) linkTo(`./task?id=${item.task_id}`, title, item.title); else title.textContent = item.title;
  }

  function entry(item) {
    const row = element("li", `is-${item.level}${item.read || item.quiet ? " is-read" : ""}`, list);
    element("span", "level", row, WORDS[item.level] ?? item.level);
    const words = element("div", "", row);
    titleOf(item, words);
    if (item.message) element("p", "message", words, item.message);
    if (!item.quiet) detailsOf(words, item);
    const side = element("div", "side", row);
    whenOf(item.timestamp, side);
    linkTo(item.moment, side, "Show the moment", `Show the moment on the timeline: ${item.title}`).classList.add("moment");
    if (model.may_write && !item.read && !item.quiet)
      button(side, "Mark read", `read-${item.notification_id}`, () => mark([item.notification_id]), `Mark as read: ${item.title}`);
  }

  // What merely went well: one line for many, which opens.
  function fold(item) {
    const row = element("li", "is-fold", list), isOpen = item.items.length > 0;
    element("span", "level", row, "✓ Quiet");
    const words = element("div", "", row), line = element("p", "title", words, item.text);
    const opener = button(line, isOpen ? "hide" : "show", `fold-${item.fold}`, () => unfold(item.fold, isOpen ? 0 : OPENED), `${isOpen ? "Hide" : "Show"}: ${item.text}`);
    opener.setAttribute("aria-expanded", String(isOpen));
    const side = element("div", "side", row);
    const from = new Date(item.from), to = new Date(item.to);
    element("span", "span", side, to - from < 60000 ? momentOf(to, 60) : spanOf(from, to, 60));
    if (!isOpen) return;
    const inner = element("ul", "folded", words);
    for (const each of item.items) {
      const part = element("li", "", inner);
      whenOf(each.timestamp, part);
      titleOf(each, part);
      if (each.message) element("span", "message", part, each.message);
    }
    if (item.left) button(words, `Show ${Math.min(item.left, OPENED)} older of ${item.left.toLocaleString()}`, `more-${item.fold}`, () => unfold(item.fold, item.items.length + OPENED));
  }

  function sayEmpty(isRead, isUsual) {
    empty.replaceChildren();
    empty.hidden = list.children.length > 0 || !isRead;
    if (empty.hidden) return;
    if (isUsual) { element("p", "", empty, "Nothing to report."); return; }
    element("p", "", empty, wish.before ? "There are no older ones." : "No notification matches.");
    button(empty, "Show all", "clear", clear);
  }

  function paint() {
    unread.checked = wish.unread;
    level.value = wish.level;
    about.value = wish.about;
    const {request, entries} = model.shown, isAnswered = entries && request === wish.request;
    list.setAttribute("aria-busy", String(!isAnswered));
    count.textContent = isAnswered ? count.told : "Reading…";
  }

  function renew() {
    const focused = root.getRootNode().activeElement, key = focused?.dataset?.key;
    const place = [...list.querySelectorAll("button")].indexOf(focused);
    const {entries, older: next, trouble: wrong} = model.shown, shown = entries ?? [];
    const items = shown.filter((item) => item.fold == null), fresh = items.filter((item) => !item.read && !item.quiet);
    list.replaceChildren();
    for (const item of shown) if (item.fold == null) entry(item); else fold(item);
    const isUsual = !wish.unread && !wish.level && !wish.about && !wish.before;
    sayEmpty(Boolean(entries), isUsual);
    trouble.textContent = wrong ?? "";
    trouble.hidden = !wrong;
    newer.hidden = !wish.before;
    older.hidden = !next;
    all.hidden = !model.may_write || !fresh.length;
    all.fresh = fresh.map((item) => item.notification_id);
    count.told = shown.length ? `${items.length} listed, ${fresh.length} unread` : "";
    tools.hidden = Boolean(entries) && !shown.length && isUsual;
    paint();
    if (!key) return;
    const same = root.querySelector(`button[data-key="${CSS.escape(key)}"]:not([hidden])`);
    const buttons = [...list.querySelectorAll("button")];
    (same ?? (place < 0 ? null : buttons[Math.min(place, buttons.length - 1)]) ?? unread).focus({preventScroll: Boolean(same)});
  }

  element("li", "", rules, "What one of the rules below watches for.");
  element("li", "", rules, "A task that ended, failed, crashed, timed out, is overdue, takes longer than usual or did not come.");
  element("li", "", rules, "An error inside vAIn.");
  element("p", "", watched, "Quiet, and not counted by the bell: a task that went well within a minute, unless its priority is high, it was due, or it had failed before; what a rule tells in its own words; and alerts in a silence.");

  const openWhenEmpty = () => { if (model.shown.entries && !model.shown.entries.length && tools.hidden) watched.open = true; };
  renew();
  openWhenEmpty();
  model.on("shown", () => { renew(); openWhenEmpty(); });
  const timer = setInterval(() => {
    if (document.hidden) return;
    for (const when of root.querySelectorAll("time")) when.textContent = ago(new Date(when.dateTime));
  }, 20000);
  model.on("remove", () => clearInterval(timer));
  return root;
}
