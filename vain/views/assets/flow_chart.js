// One chart's words: what it tells, whether the figure or a table is shown, and where its CSV is.
function make(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("aria-") || key === "role") made.setAttribute(key, value); else made[key] = value;
  }
  made.append(...children);
  return made;
}

const KINDS = {
  time: (value) => make("time", {dateTime: new Date(value).toISOString(), textContent: new Date(value).toLocaleString(undefined, {dateStyle: "medium", timeStyle: "short"})}),
  task: (value) => make("a", {href: `./task?id=${value}`, textContent: `#${value}`}),
  text: (value) => String(value),
  number: (value) => value.toLocaleString(undefined, {maximumFractionDigits: 3}),
};

function cell(value, column, isFirst) {
  const made = make(isFirst ? "th" : "td", {className: column.kind});
  if (isFirst) made.scope = "row";
  made.append(value == null ? "–" : KINDS[column.kind](value));
  return made;
}

function tableOf({columns, rows}, title) {
  const heads = columns.map((column) => make("th", {scope: "col", className: column.kind, textContent: column.label + (column.unit ? ` (${column.unit})` : "")}));
  const body = rows.map((row) => make("tr", {}, ...row.map((value, place) => cell(value, columns[place], place === 0))));
  if (!rows.length) body.push(make("tr", {}, make("td", {colSpan: columns.length, className: "text", textContent: "Nothing in this window."})));
  return make("table", {}, make("caption", {textContent: title}), make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body));
}

export function render({model}) {
  const show = (what) => make("button", {type: "button", textContent: what === "chart" ? "Chart" : "Table", onclick: () => model.send_msg({show: what}), "aria-label": `${model.title} as a ${what}`});
  const [chart, table] = [show("chart"), show("table")];
  const csv = make("a", {className: "csv", textContent: "CSV", title: "Download the data of this chart", "aria-label": `${model.title}: download as CSV`, download: ""});
  const note = make("span", {className: "note"});
  const field = make("div", {className: "table", role: "region", tabIndex: 0, hidden: true, "aria-label": `${model.title}, table`});
  const root = make("div", {className: "frame"},
    make("p", {className: "sentence"}, model.sentence + " ", note),
    make("div", {className: "group", role: "group", "aria-label": `${model.title}: how it is shown`}, chart, table, csv), field);

  function renew() {
    note.textContent = model.note;
    csv.hidden = !model.csv;
    if (model.csv) csv.href = model.csv;
    const isTable = model.showing === "table";
    chart.setAttribute("aria-pressed", String(!isTable));
    table.setAttribute("aria-pressed", String(isTable));
    field.hidden = !isTable || !model.table.columns;
    const at = [field.scrollLeft, field.scrollTop];
    field.replaceChildren(...(field.hidden ? [] : [tableOf(model.table, model.title)]));
    [field.scrollLeft, field.scrollTop] = at;
  }

  for (const name of ["note", "csv", "showing", "table"]) model.on(name, renew);
  renew();
  return root;
}
