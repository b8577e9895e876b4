// One strip for each host, one column for each step of time; below them, apart, those that have no strip of their own, and what is usual.
const stripPixels = (many) => many <= 12 ? 22 : many <= 30 ? 16 : many <= 60 ? 9 : many <= 120 ? 4 : 2
const LABELLED_PIXELS = 14, USUAL_PIXELS = 14, APART_PIXELS = 10, FEWEST_FOR_USUAL = 4, LEAST_ALPHA = 0.12

// The rows of what is shown: where each lies (pixels), what it is called.
function rowsOf(told) {
  const strip = stripPixels(told.hosts.length), rows = told.hosts.map(([host, values], at) => ({host, name: host, values, top: at * strip, height: strip}))
  const others = [...(told.rest_count ? [[`${told.rest_count.toLocaleString()} other${told.rest_count === 1 ? "" : "s"}, mean`, told.rest]] : []), ...(told.count >= FEWEST_FOR_USUAL ? told.usual : [])]
  const begin = rows.length * strip + APART_PIXELS
  others.forEach(([name, values], at) => rows.push({host: null, name, values, top: begin + at * USUAL_PIXELS, height: USUAL_PIXELS}))
  return rows
}

const heightOf = (rows) => rows.length ? rows.at(-1).top + rows.at(-1).height : 0

// What full colour stands for: all of a percentage, or else the largest value that there is.
function fullOf(told) {
  if (told.unit === "percent") return 100
  const largest = Math.max(0, ...told.usual.at(-1)[1].map((value) => value ?? 0))
  return largest || 1
}

function paint(canvas, rows, full) {
  const context = canvas.getContext("2d"), columns = rows[0]?.values.length ?? 0
  canvas.width = Math.max(1, columns)
  canvas.height = Math.max(1, heightOf(rows))
  context.fillStyle = getComputedStyle(canvas).color
  for (const {values, top, height} of rows) {
    values.forEach((value, at) => {
      if (value == null) return
      context.globalAlpha = LEAST_ALPHA + (1 - LEAST_ALPHA) * Math.max(0, Math.min(1, value / full))
      context.fillRect(at, top, 1, height > 3 ? height - 1 : height)
    })
  }
}

function amountIn(value, unit) {
  if (value == null) return "not known"
  return unit === "percent" ? `${value.toFixed(0)} %` : value.toFixed(2)
}
