// The list of notifications. Titles and messages are somebody's words: they are set as text, never parsed.
const WORDS = {info: "Info", warning: "▲ Warning", error: "◆ Error"};
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"]];

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

export function render({model}) {
  const root = document.createElement("div");
  root.className = "notifications";
  const mark = (ids) => model.send_msg({read: ids});

  function entry(list, item) {
    const row = element("li", `is-${item.level}${item.read ? " is-read" : ""}`, list);
    element("span", "level", row, WORDS[item.level] ?? item.level);
    const words = element("div", "", row);
    element("p", "title", words, item.title);
    if (item.message) element("p", "message", words, item.message);
    const side = element("div", "side", row), time = new Date(item.timestamp);
    const when = element("time", "", side, ago(time));
    when.dateTime = item.timestamp;
    when.title = time.toLocaleString();
    if (model.may_write && !item.read) {
      const button = element("button", "", side, "Mark read");
      button.setAttribute("aria-label", `Mark as read: ${item.title}`);
      button.onclick = () => mark([item.notification_id]);
    }
  }

  function renew() {
    const unread = model.items.filter((item) => !item.read).map((item) => item.notification_id);
    const children = document.createElement("div");
    if (!model.items.length) element("p", "empty", children, "Nothing to report.");
    if (model.may_write && unread.length > 1) {
      element("button", "", element("div", "all", children), "Mark all read").onclick = () => mark(unread);
    }
    const list = element("ol", "", children);
    for (const item of model.items) entry(list, item);
    root.replaceChildren(...children.childNodes);
  }

  renew();
  model.on("items", renew);
  const timer = setInterval(() => {
    for (const when of root.querySelectorAll("time")) when.textContent = ago(new Date(when.dateTime));
  }, 20000);
  model.on("remove", () => clearInterval(timer));
  return root;
}
