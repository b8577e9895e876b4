// Cores times the last minutes: one column of pixels for each sample, one strip for each core.
const POINTS = 300;
const stripPixels = (cores) => cores <= 16 ? 14 : cores <= 64 ? 8 : cores <= 128 ? 5 : 3;

function element(name, className, parent, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

function ago(seconds) {
  if (seconds < 1) return "now";
  const minutes = Math.floor(seconds / 60), rest = Math.round(seconds % 60);
  return `${minutes ? `${minutes} min ` : ""}${rest || !minutes ? `${rest} s ` : ""}ago`;
}

function summary(newest) {
  const known = newest.filter((value) => value != null);
  if (!known.length) return "not known";
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length, most = Math.max(...known);
  return `mean ${mean.toFixed(0)} %, most ${most} % on core ${newest.indexOf(most)}`;
}

export function render({model}) {
  const root = document.createElement("div"), plot = element("div", "plot", root);
  root.className = "heat";
  const axis = element("div", "axis", plot), canvas = element("canvas", "", plot);
  const foot = element("div", "foot", root), said = element("span", "said", foot), scale = element("span", "scale", foot);
  element("span", "", scale, "0 %");
  element("span", "ramp", scale);
  element("span", "", scale, "100 % · empty: not known");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  axis.setAttribute("aria-hidden", "true");
  let past = [], at = null;

  function column(context, index, strip) {
    const x = POINTS - past[0].length + index;
    past.forEach((values, core) => {
      const value = values[index];
      if (value == null) return;
      context.globalAlpha = 0.04 + 0.96 * Math.min(value, 100) / 100;
      context.fillRect(x, core * strip, 1, strip > 4 ? strip - 1 : strip);
    });
  }

  function draw() {
    // Before it stands on the page its colour is not known.
    if (!canvas.isConnected) { requestAnimationFrame(draw); return; }
    if (!past.length) return;
    const context = canvas.getContext("2d"), strip = stripPixels(past.length);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.globalAlpha = 1;
    context.fillStyle = getComputedStyle(canvas).color;
    for (let index = 0; index < past[0].length; index++) column(context, index, strip);
  }

  function advance() {
    const context = canvas.getContext("2d"), strip = stripPixels(past.length);
    context.globalAlpha = 1;
    context.globalCompositeOperation = "copy";
    context.drawImage(canvas, -1, 0);
    context.globalCompositeOperation = "source-over";
    context.fillStyle = getComputedStyle(canvas).color;
    column(context, past[0].length - 1, strip);
  }

  function say() {
    const newest = past.map((values) => values.at(-1)), now = `Now: ${summary(newest)}`;
    canvas.setAttribute("aria-label", `Each core over the last minutes. ${now}`);
    if (!at) { said.textContent = now; return; }
    const value = past[at.core]?.[past[0].length - 1 - at.back];
    said.textContent = `Core ${at.core}: ${value == null ? "not known" : `${value} %`} · ${ago(at.back * model.period_seconds)}`;
  }

  function rebuild() {
    past = model.frame.past.map((values) => [...values]);
    const cores = past.length, strip = stripPixels(cores);
    root.toggleAttribute("data-empty", !cores);
    if (!cores) { said.textContent = "Not known on this machine"; return; }
    const longest = Math.max(...past.map((values) => values.length));
    for (const values of past) while (values.length < longest) values.unshift(null);
    canvas.width = POINTS;
    canvas.height = cores * strip;
    canvas.style.height = axis.style.height = `${canvas.height}px`;
    axis.className = `axis ${strip >= 14 ? "each" : "ends"}`;
    axis.replaceChildren();
    (strip >= 14 ? past.map((_, core) => core) : [0, cores - 1]).forEach((core) => element("span", "", axis, String(core)));
    draw();
    say();
  }

  function point(event) {
    const box = canvas.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / box.width * POINTS);
    const core = Math.floor((event.clientY - box.top) / box.height * past.length);
    at = {core: Math.max(0, Math.min(past.length - 1, core)), back: Math.max(0, Math.min(POINTS - 1, POINTS - 1 - x))};
    say();
  }

  const MOVES = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, 1], ArrowRight: [0, -1]};
  function key(event) {
    const move = MOVES[event.key];
    if (event.key === "Escape") at = null;
    else if (move) {
      at ??= {core: 0, back: 0};
      at.core = Math.max(0, Math.min(past.length - 1, at.core + move[0]));
      at.back = Math.max(0, Math.min(POINTS - 1, at.back + move[1]));
      event.preventDefault();
    } else return;
    say();
  }

  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerleave", () => { at = null; say(); });
  canvas.addEventListener("blur", () => { at = null; say(); });
  canvas.addEventListener("keydown", key);
  rebuild();
  model.on("frame", rebuild);
  model.on("now", () => {
    const values = model.now.values;
    if (values.length !== past.length || !past.length) return;
    past.forEach((known, core) => { known.push(values[core]); if (known.length > POINTS) known.shift(); });
    advance();
    say();
  });
  return root;
}
