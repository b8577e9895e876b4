// What the charts show, in words; times in the viewer's own zone (when.js stands before this).
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]
const SHOWN_GAPS = 2

// 120 -> "2 min", 5400 -> "1 h 30 min".
function lengthOf(seconds) {
  const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, "s"]
  const many = Math.floor(seconds / size + 1e-9), rest = Math.round(seconds - many * size)
  const whole = size === 1 ? `${Math.round(seconds * 10) / 10} s` : `${many} ${unit}`
  return rest > 0 && size > 1 ? `${whole} ${lengthOf(rest)}` : whole
}

const atSeconds = (seconds) => new Date(seconds * 1000)
const fineness = (span) => span < 600 ? 1 : 60
const windowOf = ({after, before}) => spanOf(atSeconds(after), atSeconds(before), fineness(before - after))

function gapsOf({after, before, strips: all}) {
  const strips = all.filter(({begin, end}) => begin < before && end > after)
  const told = strips.slice(0, SHOWN_GAPS).map(({cause, begin, end}) => `${cause} ${spanOf(atSeconds(begin), atSeconds(end), end - begin < 120 ? 1 : 60)}`)
  const more = strips.length - told.length
  return more > 0 ? [...told, `${more} more gap${more > 1 ? "s" : ""}`] : told
}

// `label`: that of the button whose time is shown.
function noteOf(shown, label) {
  if (shown.trouble) return `${shown.trouble} The charts still show what they did; choose a time again to retry.`
  if (shown.kind === "live") return `${label} · every sample, moving`
  const what = shown.kind === "last" ? label : windowOf(shown)
  if (shown.is_empty) {
    const since = shown.begins == null ? "Nothing has been stored yet." : `The history begins ${momentOf(atSeconds(shown.begins), 60)}.`
    return `${what} · nothing is stored for this time. ${since}`
  }
  const point = shown.step_seconds ? `a point is ${lengthOf(shown.step_seconds)} (mean, band min–max)` : "every sample"
  const since = shown.begins != null && shown.begins > shown.after ? [`the history begins ${momentOf(atSeconds(shown.begins), 60)}`] : []
  return [what, point, ...since, ...gapsOf(shown)].join(" · ")
}
