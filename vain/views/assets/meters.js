// Rows of label, bar and value. Labels hold names from the machine (mount points, interfaces): set as text.
const SIGNS = {warning: "▲ ", critical: "◆ "};

function element(name, className, parent) {
  const made = document.createElement(name);
  made.className = className;
  parent.append(made);
  return made;
}

function build(parent) {
  const row = element("li", "", parent), top = element("div", "top", row);
  const parts = {row, label: element("span", "label", top)};
  const side = element("span", "value", top);
  parts.word = element("span", "word", side);
  parts.value = element("span", "", side);
  parts.track = element("div", "track", row);
  parts.fill = element("div", "fill", parts.track);
  parts.note = element("div", "note", row);
  return parts;
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const local = (seconds) => new Date(1000 * seconds).toLocaleString(undefined, {dateStyle: "medium", timeStyle: "short"});

function show(parts, meter) {
  parts.row.className = meter.state;
  set(parts.label, meter.label);
  parts.label.title = meter.label;
  set(parts.word, meter.word && (SIGNS[meter.state] ?? "") + meter.word);
  set(parts.value, meter.moment == null ? meter.value : local(meter.moment));
  set(parts.note, meter.note);
  parts.note.title = meter.note;
  parts.track.hidden = meter.percent == null;
  parts.fill.style.width = `${Math.min(100, meter.percent ?? 0).toFixed(1)}%`;
}

export function render({model}) {
  const root = document.createElement("ul");
  root.className = model.many ? "meters many" : "meters";
  let rows = [];
  function renew() {
    if (rows.length !== model.rows.length) {
      root.replaceChildren();
      rows = model.rows.map(() => build(root));
      if (!rows.length) element("li", "empty", root).textContent = model.empty;
    }
    model.rows.forEach((meter, index) => show(rows[index], meter));
  }
  renew();
  model.on("rows", renew);
  return root;
}
