// Small building blocks of the task board: elements, icons, words and times.
// What a user wrote only ever becomes a text node, an attribute or a value; nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg"

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value)
    else if (name === "text") node.textContent = value
    else if (name === "value") node.value = value
    else node.setAttribute(name, value === true ? "" : value)
  }
  node.append(...children.filter((child) => child !== null))
  return node
}

const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children)
const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children)

// Each icon is drawn in a box of 16 by 16: [element, attributes] pairs; "solid" fills with the colour of the text.
const RING = ["circle", {cx: 8, cy: 8, r: 6.25}]
const DISC = ["circle", {cx: 8, cy: 8, r: 7, class: "solid"}]
const cut = (d) => ["path", {d, class: "cut"}]
const line = (d) => ["path", {d}]
const bars = (count) => [3, 8, 13].map((x, index) =>
  ["rect", {x: x - 1.5, y: 10 - index * 3.5, width: 3, height: 4 + index * 3.5, rx: 1, class: index < count ? "solid" : "faint"}])

const ICONS = {
  "pending": [["circle", {cx: 8, cy: 8, r: 6.25, "stroke-dasharray": "2.2 2.7"}]],
  "in-progress": [RING, ["path", {d: "M8 4.2a3.8 3.8 0 0 1 0 7.6z", class: "solid"}]],
  "succeeded": [DISC, cut("M4.9 8.3l2.2 2.1 4-4.4")],
  "failed": [DISC, cut("M5.5 5.5l5 5m0-5l-5 5")],
  "cancelled": [RING, line("M3.8 12.2l8.4-8.4")],
  "timed-out": [DISC, cut("M8 4.3V8l2.4 1.6")],
  "crashed": [DISC, cut("M8 4.2v4.6M8 11.2v.6")],
  "skipped": [RING, line("M5.2 5.4L7.8 8l-2.6 2.6M8.6 5.4L11.2 8l-2.6 2.6")],
  "low": bars(1), "medium": bars(2), "high": bars(3),
  "search": [["circle", {cx: 7, cy: 7, r: 4.5}], line("M10.5 10.5L14 14")],
  "plus": [line("M8 3v10M3 8h10")],
  "check": [line("M3 8.5l3.3 3.3L13 4.8")],
  "edit": [line("M10.8 2.7l2.5 2.5-7.6 7.6-3.2.7.7-3.2z")],
  "delete": [line("M3 4.5h10M6.2 4.3V2.8h3.6v1.5M4.3 4.6l.6 8.6h6.2l.6-8.6")],
  "up": [line("M8 12.5v-9M4.5 7L8 3.5 11.5 7")],
  "down": [line("M8 3.5v9M4.5 9L8 12.5 11.5 9")],
  "first": [line("M11 4L7 8l4 4M4.5 4v8")],
  "previous": [line("M10 4L6 8l4 4")],
  "next": [line("M6 4l4 4-4 4")],
  "last": [line("M5 4l4 4-4 4M11.5 4v8")],
  "unfold": [line("M5 6.5L8 9.5l3-3")],
  "clock": [RING, line("M8 4.6V8l2.2 1.4")],
  "close": [line("M4 4l8 8m0-8l-8 8")],
  "more": [3, 8, 13].map((cx) => ["circle", {cx, cy: 8, r: 1.4, class: "solid"}]),
  "filter": [line("M2.5 3.5h11L9.5 8.4v4.1l-3-1.5V8.4z")],
  "view": [line("M2.5 4h11M4.5 8h7M6.5 12h3")],
  "table": [line("M2.5 4h11M2.5 8h11M2.5 12h11")],
  "columns": [["rect", {x: 2.5, y: 3, width: 4.5, height: 10, rx: 1}], ["rect", {x: 9, y: 3, width: 4.5, height: 6.5, rx: 1}]],
  "copy": [["rect", {x: 5.5, y: 5.5, width: 8, height: 8, rx: 1.5}], line("M10.5 5.3V4A1.5 1.5 0 0 0 9 2.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.3")],
}

const icon = (name) => s("svg", {viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true"},
  ...ICONS[name].map(([tag, attributes]) => s(tag, attributes)))

const STATUS_WORDS = {"pending": "Pending", "in-progress": "In progress", "completed": "Completed"}
const PRIORITY_WORDS = {"high": "High", "medium": "Medium", "low": "Low"}
const OUTCOME_WORDS = {
  "succeeded": "Succeeded", "failed": "Failed", "cancelled": "Cancelled",
  "timed-out": "Timed out", "crashed": "Crashed", "skipped": "Skipped",
}

// The one word that says how a task stands: its outcome once it is completed, its status before.
const standing = (task) => task.status === "completed" ? task.outcome || "succeeded" : task.status
const standingWord = (task) => task.status === "completed" ? OUTCOME_WORDS[standing(task)] : STATUS_WORDS[task.status]

const MINUTE = 60, HOUR = 3600, DAY = 86400
const EXACT = {year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short"}
const exactTime = (time) => new Date(time).toLocaleString(undefined, EXACT)

function lengthWords(size) {
  const [amount, unit] = size < MINUTE ? [size, "s"] : size < HOUR ? [size / MINUTE, "min"] : size < 2 * DAY ? [size / HOUR, "h"] : [size / DAY, "d"]
  return `${Math.floor(amount)} ${unit}`
}

// Of a stale task: for how long nothing has been heard of it.
const silence = (since, now) => since ? `No word for ${lengthWords(Math.max(0, now - Date.parse(since)) / 1000)}` : "No word"

function relativeTime(time, now, overdue = false) {
  const seconds = (now - Date.parse(time)) / 1000
  const size = Math.abs(seconds), text = lengthWords(size)
  if (overdue) return `${text} overdue`
  if (size < 10) return "just now"
  if (size >= 30 * DAY) return new Date(time).toLocaleDateString(undefined, {year: "numeric", month: "short", day: "numeric"})
  return seconds >= 0 ? `${text} ago` : `in ${text}`
}

// Writes a <time>, or the dash of an unknown one. Run again later, it brings the words up to date.
function paintTime(node, time, now, overdue = false) {
  const text = time ? relativeTime(time, now, overdue) : "–"
  if (node.textContent !== text) node.textContent = text
  if (node.dateTime === (time ?? "")) return
  if (time) { node.dateTime = time; node.title = exactTime(time) }
  else { node.removeAttribute("datetime"); node.removeAttribute("title") }
}

// The same column in the other direction.
const opposite = (sort) => sort.startsWith("-") ? sort.slice(1) : `-${sort}`

const wholeNumber = (number) => number.toLocaleString()

// A time as <input type=datetime-local> wants it (local, to the minute), and back.
function localMinute(time) {
  if (!time) return ""
  const date = new Date(time)
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16)
}
const fromLocalMinute = (text) => text ? new Date(text).toISOString() : null
