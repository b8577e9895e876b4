// The keys, without their secrets. A name is whatever somebody called it: set as text.
const COLUMNS = ["Name", "ID", "Role", "State", "Created", "Expires", "Last used"];

function element(name, className, parent, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text != null) made.textContent = text;
  parent.append(made);
  return made;
}

const when = (time) => time ? new Date(time).toLocaleString(undefined, {dateStyle: "medium", timeStyle: "short"}) : "never";

function fill(body, key) {
  const row = element("tr", "", body);
  row.dataset.state = key.state;
  const texts = [key.name, key.id, key.role, key.state, when(key.created), when(key.expires), when(key.used)];
  texts.forEach((text, index) => element("td", index ? "" : "name", row, text));
  row.firstChild.title = key.name;
}

export function render({model}) {
  const root = document.createElement("div");
  root.className = "keys";
  function renew() {
    root.replaceChildren();
    if (!model.listed.length) { element("p", "empty", root, model.empty); return; }
    const scroll = element("div", "scroll", root), table = element("table", "", scroll), head = element("tr", "", element("thead", "", table));
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "List of keys");
    for (const title of COLUMNS) element("th", "", head, title).scope = "col";
    const body = element("tbody", "", table);
    for (const key of model.listed) fill(body, key);
  }
  renew();
  model.on("listed", renew);
  model.on("empty", renew);
  return root;
}
