// The chart of what a rule watches, with its threshold as a line that mouse, fingers and keys move.
const SVG_NS = "http://www.w3.org/2000/svg", HEIGHT = 230, MARGIN = {left: 58, right: 12, top: 12, bottom: 26}
const GRID = 4, TICK_PIXELS = 96, STEPS = [60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800]

function draw(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG_NS, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

// `moved(value, isDone)`: the threshold in the unit of the metric.
function makeRuleChart(moved) {
  const svg = draw("svg", {class: "chart", role: "group", "aria-label": "Chart of the metric with the threshold"})
  const frame = draw("g"), shades = draw("g", {class: "shades"}), lines = draw("g"), marks = draw("g")
  const back = draw("line", {class: "back"}), level = draw("line", {class: "threshold"})
  const grip = draw("rect", {class: "grip", width: 16, height: 16, rx: 8}), zone = draw("rect", {class: "zone", height: 32}), tag = draw("text", {class: "tag"})
  const hand = draw("g", {class: "hand", tabindex: "0", role: "slider", "aria-label": "Threshold", "aria-orientation": "vertical"}, zone, level, grip, tag)
  marks.append(back, hand)
  svg.append(frame, shades, lines, marks)
  let picture = null, metric = null, threshold = null, clear = null, firings = [], drag = null, isLocked = false, top = 100, width = 600

  const inner = () => [MARGIN.left, width - MARGIN.right, MARGIN.top, HEIGHT - MARGIN.bottom]
  const xOf = (t) => { const [left, right] = inner(); return left + (t - picture.after) / (picture.before - picture.after) * (right - left) }
  const yOf = (value) => { const [, , high, low] = inner(); return low - value / top * (low - high) }
  const within = (value) => Math.min(top, Math.max(0, value))
  // A hand does not mean more digits than the axis shows.
  function neat(value) {
    const size = scaleOf(metric)[0], step = 10 ** (Math.floor(Math.log10(top / size)) - 2)
    return Number((Math.round(value / size / step) * step).toPrecision(6)) * size
  }

  function topOf() {
    if (metric?.unit === "percent") return Math.max(100, roundUp(highest()))
    const size = scaleOf(metric)[0]
    return roundUp(Math.max(highest(), drag ? 0 : threshold ?? 0, clear ?? 0) * 1.15 / size) * size
  }

  const highest = () => (picture?.lines ?? []).reduce((most, line) => (line.high ?? line.mean).reduce((a, b) => b == null ? a : Math.max(a, b), most), 0)

  function pathOf(values) {
    let path = "", isDown = false
    values.forEach((value, index) => {
      if (value == null) { isDown = false; return }
      path += `${isDown ? "L" : "M"}${xOf(picture.t[index]).toFixed(1)} ${yOf(value).toFixed(1)}`
      isDown = true
    })
    return path
  }

  // Between smallest and largest: one area for each stretch without a gap.
  function bandOf({low, high}) {
    let path = "", begin = 0
    for (let index = 0; index <= high.length; index += 1) {
      if (index < high.length && high[index] != null && low[index] != null) continue
      const places = Array.from({length: index - begin}, (_, step) => begin + step)
      const over = places.map((at) => `${xOf(picture.t[at]).toFixed(1)} ${yOf(high[at]).toFixed(1)}`), under = places.map((at) => `${xOf(picture.t[at]).toFixed(1)} ${yOf(low[at]).toFixed(1)}`).reverse()
      if (places.length) path += `M${[...over, ...under].join("L")}Z`
      begin = index + 1
    }
    return path
  }

  function drawFrame() {
    const [left, right, high, low] = inner(), parts = []
    for (let step = 0; metric && step <= GRID; step += 1) {
      const value = top * step / GRID, y = yOf(value), label = draw("text", {class: "axis", x: left - 8, y: y + 4, "text-anchor": "end"})
      label.textContent = valueWords(value, metric)
      parts.push(draw("line", {class: "grid", x1: left, x2: right, y1: y, y2: y}), label)
    }
    const most = Math.max(2, Math.floor((right - left) / TICK_PIXELS)), span = picture.before - picture.after
    const step = STEPS.find((each) => span / each <= most) ?? STEPS.at(-1), shift = new Date(picture.after * 1000).getTimezoneOffset() * 60
    for (let t = Math.ceil((picture.after - shift) / step) * step + shift; t <= picture.before; t += step) {
      const at = new Date(t * 1000), label = draw("text", {class: "axis", x: xOf(t), y: low + 18, "text-anchor": "middle"})
      label.textContent = step >= 86400 || (at.getHours() + at.getMinutes() === 0) ? dayOf(at) : clockOf(at, 60)
      if (xOf(t) > left + 14 && xOf(t) < right - 14) parts.push(draw("line", {class: "grid", x1: xOf(t), x2: xOf(t), y1: low, y2: low + 4}), label)
    }
    parts.push(draw("line", {class: "grid", x1: left, x2: right, y1: low, y2: low}))
    frame.replaceChildren(...parts)
  }

  function drawLines() {
    const parts = []
    picture.lines.forEach((line, index) => {
      if (line.low) parts.push(draw("path", {class: `band series-${index % 6}`, d: bandOf(line)}))
      const title = draw("title")
      title.textContent = line.name
      parts.push(draw("path", {class: `line series-${index % 6}`, d: pathOf(line.mean)}, title))
    })
    lines.replaceChildren(...parts)
  }

  function drawShades() {
    const [left, right, high, low] = inner(), parts = []
    for (const {subject, since, fired_at: fired, until} of firings) {
      for (const [from, to, name] of [[since, fired, "waits"], [fired, until, "fires"]]) {
        const x = Math.max(left, xOf(from)), end = Math.min(right, xOf(to))
        if (end <= x && name === "waits") continue
        const title = draw("title")
        title.textContent = `${subject}: ${name === "fires" ? "fires" : "holds, not long enough yet"} ${spanOf(new Date(from * 1000), new Date(to * 1000), to - from < 600 ? 1 : 60)}`
        parts.push(draw("rect", {class: name, x, width: Math.max(name === "fires" ? 2 : 0, end - x), y: high, height: low - high}, title))
      }
    }
    shades.replaceChildren(...parts)
  }

  function place(node, y) {
    const [left, right] = inner()
    for (const [name, value] of Object.entries({x1: left, x2: right, y1: y, y2: y})) node.setAttribute(name, value)
  }

  function drawThreshold() {
    const isThere = threshold != null && metric != null
    hand.style.display = isThere ? "" : "none"
    back.style.display = isThere && clear != null && clear !== threshold ? "" : "none"
    if (!isThere) return
    const [left, right] = inner(), y = yOf(within(threshold)), words = valueWords(threshold, metric)
    place(level, y)
    place(back, yOf(within(clear ?? 0)))
    for (const [name, value] of Object.entries({x: left, width: right - left, y: y - 16})) zone.setAttribute(name, value)
    grip.setAttribute("x", right - 34)
    grip.setAttribute("y", y - 8)
    tag.textContent = words
    tag.setAttribute("x", left + 6)
    tag.setAttribute("y", y < MARGIN.top + 22 ? y + 16 : y - 7)
    for (const [name, value] of Object.entries({"aria-valuemin": 0, "aria-valuemax": top, "aria-valuenow": threshold, "aria-valuetext": words})) hand.setAttribute(name, value)
    hand.setAttribute("aria-disabled", String(isLocked))
  }

  function renew() {
    width = Math.max(280, svg.getBoundingClientRect().width || 600)
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`)
    if (!picture) return
    if (!drag) top = topOf()
    drawFrame()
    drawLines()
    drawShades()
    drawThreshold()
  }

  function set(value, isDone) {
    threshold = neat(within(value))
    drawThreshold()
    moved(threshold, isDone)
  }

  function valueAt(clientY) {
    const box = svg.getBoundingClientRect(), [, , high, low] = inner(), y = (clientY - box.top) * HEIGHT / box.height
    return (low - y) / (low - high) * top
  }

  hand.addEventListener("pointerdown", (event) => {
    if (isLocked || event.button !== 0) return
    drag = event.pointerId
    hand.setPointerCapture(drag)
    hand.focus({preventScroll: true})
    event.preventDefault()
  })
  hand.addEventListener("pointermove", (event) => { if (drag === event.pointerId) set(valueAt(event.clientY), false) })
  for (const end of ["pointerup", "pointercancel"]) hand.addEventListener(end, (event) => {
    if (drag !== event.pointerId) return
    drag = null
    moved(threshold, true)
    renew()
  })
  hand.addEventListener("keydown", (event) => {
    const step = top / 100, by = {ArrowUp: step, ArrowRight: step, ArrowDown: -step, ArrowLeft: -step, PageUp: 10 * step, PageDown: -10 * step}[event.key]
    const to = {Home: 0, End: top}[event.key] ?? (by == null ? null : threshold + by)
    if (to == null || isLocked) return
    event.preventDefault()
    set(to, true)
  })
  const resized = new ResizeObserver(renew)
  resized.observe(svg)

  return {
    svg,
    get picture() { return picture },
    show(found, of) { picture = found; metric = of; firings = []; renew() },
    shade(found) { firings = found; if (picture) drawShades() },
    mark(value, way, locked) { threshold = value; clear = way; isLocked = locked; if (!drag) renew() },
    remove() { resized.disconnect() },
  }
}
