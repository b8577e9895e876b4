// Values and spans of a rule as a person writes them: bytes as GiB, rates as MiB/s, seconds as "5 min".
const SCALES = {percent: [1, "%"], bytes: [2 ** 30, "GiB"], bytes_per_second: [2 ** 20, "MiB/s"], per_second: [1, "per s"], celsius: [1, "°C"], count: [1, ""]}
const SPAN_UNITS = {s: 1, min: 60, h: 3600, d: 86400}
const SPAN = /^\s*(?:(\d+(?:\.\d+)?)\s*(s|min|h|d)\s*)+$/

const scaleOf = (metric) => SCALES[metric?.unit] ?? SCALES.count
// At most so many digits that nobody reads noise.
const short = (value) => String(Number(value.toPrecision(5)))
const valueWords = (value, metric) => { const [size, unit] = scaleOf(metric); return `${short(value / size)}${unit && " "}${unit}` }

// "1 h 30 min" -> 5400; null for what is no span.
function spanOfText(text) {
  if (!text.trim()) return 0
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) return Number(text)
  if (!SPAN.test(text)) return null
  return [...text.matchAll(/(\d+(?:\.\d+)?)\s*(s|min|h|d)/g)].reduce((sum, [, many, unit]) => sum + Number(many) * SPAN_UNITS[unit], 0)
}

// A round number a little above `value`: the top of an axis.
function roundUp(value) {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= value) ?? 10) * power
}
