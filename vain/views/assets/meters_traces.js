// Rows of a name, a small line for each figure, and the figures. Names come from the machine: set as text.
const POINTS = 120, WIDTH = 120, HEIGHT = 32;

function element(name, className, parent) {
  const made = document.createElement(name);
  made.className = className;
  parent.append(made);
  return made;
}

function vector(name, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  parent.append(made);
  return made;
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function path(points, top) {
  let drawn = "", pen = "M";
  points.forEach((point, index) => {
    if (point == null) { pen = "M"; return; }
    const x = (index + POINTS - points.length) / (POINTS - 1) * WIDTH;
    const y = HEIGHT - 2 - Math.max(0, Math.min(point / top, 1)) * (HEIGHT - 4);
    drawn += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
  });
  return drawn;
}

function build(parent, row) {
  const item = element("li", "", parent), label = element("span", "label", item);
  label.textContent = label.title = row.label;
  const chart = vector("svg", item);
  chart.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  chart.setAttribute("preserveAspectRatio", "none");
  chart.setAttribute("aria-hidden", "true");
  const figures = element("div", "figures", item);
  const lines = row.lines.map((line) => {
    const figure = element("span", "figure", figures);
    element("span", "sign", figure).setAttribute("aria-hidden", "true");
    element("span", "word", figure).textContent = line.word;
    const text = element("span", "text", figure);
    text.textContent = line.text;
    return {text, points: [...line.points], path: vector("path", chart)};
  });
  return {lines, full: row.full};
}

function draw({lines, full}) {
  const known = lines.flatMap((line) => line.points).filter((point) => point != null);
  const top = full ?? Math.max(1e-9, ...known) * 1.1;
  for (const line of lines) line.path.setAttribute("d", path(line.points, top));
}

function advance(row, figures) {
  row.lines.forEach((line, index) => {
    const [text, point] = figures[index];
    set(line.text, text);
    line.points.push(point);
    if (line.points.length > POINTS) line.points.shift();
  });
}

export function render({model}) {
  const root = document.createElement("ul");
  root.className = "traces";
  let rows = [];
  function rebuild() {
    root.replaceChildren();
    rows = model.frame.rows.map((row) => build(root, row));
    if (!rows.length) element("li", "empty", root).textContent = model.empty;
    rows.forEach(draw);
  }
  rebuild();
  model.on("frame", rebuild);
  model.on("now", () => {
    const figures = model.now.rows;
    if (figures.length !== rows.length) return;
    rows.forEach((row, index) => { advance(row, figures[index]); draw(row); });
  });
  return root;
}
