// The busiest processes as a table that is sorted here. A process may call itself anything: names are set as text.
const COLUMNS = [
  {key: "name", title: "Process", first: 1},
  {key: "pid", title: "PID", number: true, first: 1},
  {key: "task", title: "Task", first: 1},
  {key: "cpu", title: "CPU", number: true, first: -1},
  {key: "memory", title: "Memory", number: true, first: -1},
  {key: "io", title: "Reads + writes", number: true, first: -1},
];
const UNKNOWN = "–";

function element(name, className, parent, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text != null) made.textContent = text;
  parent.append(made);
  return made;
}

function size(amount, units) {
  let at = 0;
  if (!amount) return units[0].replace(/^KiB|^MiB/, "0 B");
  while (Math.round(amount) >= 1024 && at < units.length - 1) { amount /= 1024; at++; }
  return `${amount.toFixed(amount < 99.95 ? 1 : 0)} ${units[at]}`;
}

const TEXT = {
  name: (row) => row.name || UNKNOWN,
  pid: (row) => String(row.pid),
  task: (row) => row.task == null ? "none" : `Task ${row.task}`,
  cpu: (row) => row.cpu == null ? UNKNOWN : `${row.cpu.toFixed(1)} %`,
  memory: (row) => row.memory == null ? UNKNOWN : size(row.memory, ["MiB", "GiB", "TiB"]),
  io: (row) => row.io == null ? UNKNOWN : size(row.io, ["KiB/s", "MiB/s", "GiB/s"]),
};

function fill(cell, key, row) {
  const text = TEXT[key](row);
  if (cell.textContent === text) return;
  cell.textContent = "";
  if (key === "task" && row.task != null) {
    element("a", "", cell, text).href = `./task?id=${encodeURIComponent(row.task)}`;
    cell.classList.remove("none");
  } else {
    cell.textContent = text;
    cell.classList.toggle("none", key === "task");
  }
  if (key === "name") cell.title = text;
}

function compare(order, left, right) {
  const [a, b] = [left[order.key], right[order.key]];
  if (a == null || b == null) return a == null ? (b == null ? left.pid - right.pid : 1) : -1;
  const by = typeof a === "string" ? a.localeCompare(b) : a - b;
  return by * order.direction || left.pid - right.pid;
}

export function render({model}) {
  const root = document.createElement("div"), rows = new Map(), lines = new Map();
  root.className = "frame";
  let order = {key: "cpu", direction: -1};
  const empty = element("p", "empty", root, model.empty), scroll = element("div", "scroll", root);
  const table = element("table", "", scroll), head = element("tr", "", element("thead", "", table)), body = element("tbody", "", table);
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  table.setAttribute("aria-label", "The busiest processes");
  scroll.setAttribute("aria-label", "The busiest processes");
  const foot = element("div", "foot", root), only = element("label", "", foot), box = element("input", "", only);
  box.type = "checkbox";
  only.append("Only those of tasks");
  const count = element("span", "count", foot);

  const headings = COLUMNS.map((column) => {
    const cell = element("th", `${column.key}${column.number ? " number" : ""}`, head), button = element("button", "", cell);
    cell.scope = "col";
    button.type = "button";
    button.addEventListener("click", () => {
      order = {key: column.key, direction: order.key === column.key ? -order.direction : column.first};
      arrange();
    });
    return {cell, button, column};
  });

  function line(row) {
    let known = lines.get(row.pid);
    if (!known) {
      const item = document.createElement("tr");
      known = {item, cells: COLUMNS.map(({key, number}) => [key, element("td", `${key}${number ? " number" : ""}`, item)])};
      lines.set(row.pid, known);
    }
    for (const [key, cell] of known.cells) fill(cell, key, row);
    return known.item;
  }

  function arrange() {
    for (const {cell, button, column} of headings) {
      const chosen = column.key === order.key;
      button.textContent = column.title + (chosen ? (order.direction > 0 ? " ↑" : " ↓") : "");
      if (chosen) cell.setAttribute("aria-sort", order.direction > 0 ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
    }
    const shown = [...rows.values()].filter((row) => !box.checked || row.task != null).sort((a, b) => compare(order, a, b));
    const items = shown.map(line);
    items.forEach((item, index) => { if (body.children[index] !== item) body.insertBefore(item, body.children[index] ?? null); });
    while (body.children.length > items.length) body.lastChild.remove();
    empty.hidden = rows.size > 0;
    scroll.hidden = foot.hidden = !rows.size;
    const ofTasks = [...rows.values()].filter((row) => row.task != null).length;
    count.textContent = `${rows.size} busiest by CPU, memory, or reads and writes · ${ofTasks} of tasks · CPU in % of one core · looked at every 5 s`;
  }

  box.addEventListener("change", arrange);
  for (const row of model.frame) rows.set(row.pid, row);
  arrange();
  model.on("news", () => {
    for (const pid of model.news.gone) { rows.delete(pid); lines.delete(pid); }
    for (const row of model.news.set) rows.set(row.pid, row);
    arrange();
  });
  return root;
}
