// One card for each entry of model.now; everything that comes from the server is set as text.
const POINTS = 120, WIDTH = 120, HEIGHT = 28;
const WORDS = {warning: "▲ Warning", critical: "◆ Critical"};
const USUAL = {unit: "", detail: "", aside: "", state: "ok", why: ""};

const readings = (model) => JSON.parse(model.now).map((card) => ({...USUAL, ...card}));

function element(name, className, parent) {
  const made = document.createElement(name);
  made.className = className;
  parent.append(made);
  return made;
}

function vector(name, className, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  made.setAttribute("class", className);
  parent.append(made);
  return made;
}

function build(parent, points) {
  const card = element("section", "card", parent);
  const label = element("h2", "label", card);
  const parts = {card, points, name: element("span", "", label), word: element("span", "word", label)};
  const value = element("p", "value", card);
  parts.number = element("span", "", value);
  parts.unit = element("span", "unit", value);
  parts.detail = element("p", "detail", card);
  parts.track = element("div", "track", card);
  parts.bar = element("div", "bar", parts.track);
  parts.chart = vector("svg", "chart", card);
  parts.chart.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  parts.chart.setAttribute("preserveAspectRatio", "none");
  parts.chart.setAttribute("aria-hidden", "true");
  parts.area = vector("path", "area", parts.chart);
  parts.line = vector("path", "line", parts.chart);
  return parts;
}

function paths(points, full) {
  const top = full ?? Math.max(1e-9, ...points.filter((point) => point != null)) * 1.1;
  const x = (index) => ((index + POINTS - points.length) / (POINTS - 1) * WIDTH).toFixed(1);
  const y = (point) => (HEIGHT - 1 - Math.min(point / top, 1) * (HEIGHT - 2)).toFixed(1);
  let line = "", area = "", begun = null;
  points.forEach((point, index) => {
    if (point == null) { begun = null; return; }
    line += `${begun == null ? "M" : "L"}${x(index)} ${y(point)}`;
    if (begun == null) { area += `M${x(index)} ${HEIGHT}`; begun = index; }
    area += `L${x(index)} ${y(point)}`;
    if (points[index + 1] == null) area += `L${x(index)} ${HEIGHT}Z`;
  });
  return {line, area};
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function show(parts, card) {
  parts.card.className = `card ${card.state}${card.value.length > 6 ? " long" : ""}`;
  parts.card.title = card.why;
  set(parts.name, card.label);
  set(parts.word, WORDS[card.state] ?? card.aside);
  set(parts.number, card.value);
  set(parts.unit, card.unit);
  set(parts.detail, card.detail);
  parts.detail.title = card.detail;
  parts.track.hidden = card.bar == null;
  parts.chart.style.display = card.point == null && !parts.points.some((point) => point != null) ? "none" : "";
  parts.bar.style.width = `${Math.min(100, card.bar ?? 0)}%`;
  const {line, area} = paths(parts.points, card.full);
  parts.line.setAttribute("d", line);
  parts.area.setAttribute("d", area);
}

// Where the cards stand in one row that scrolls, the Tab key stops there, so that the arrow keys can move it.
function reach(root) {
  if (root.scrollWidth > root.clientWidth) root.tabIndex = 0;
  else root.removeAttribute("tabindex");
}

export function render({model}) {
  const root = document.createElement("div");
  root.className = "cards";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "The machine now");
  new ResizeObserver(() => reach(root)).observe(root);
  const all = readings(model).map((_, index) => build(root, [...(model.past[index] ?? [])]));
  const renew = (cards) => cards.forEach((card, index) => show(all[index], card));
  renew(readings(model));
  model.on("past", () => {
    all.forEach((parts, index) => parts.points.splice(0, Infinity, ...(model.past[index] ?? [])));
    renew(readings(model));
  });
  model.on("now", () => {
    const cards = readings(model);
    cards.forEach((card, index) => {
      const {points} = all[index];
      points.push(card.point ?? null);
      if (points.length > POINTS) points.shift();
    });
    renew(cards);
  });
  return root;
}
