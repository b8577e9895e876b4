// When rules fired: shaded on the track of what they watch; for all else a line above the lanes.
const FIRED_STYLE = `
.fired { position: absolute; min-width: 2px; box-sizing: border-box; pointer-events: none; overflow: hidden; color: var(--vain-warning); border-top: 2px solid; font: var(--vain-size-small)/16px var(--vain-font); }
.fired[data-level=error] { color: var(--vain-critical); }
.fired[data-level=info] { color: var(--vain-accent); }
.fired::before { content: ""; position: absolute; inset: 0; background: currentColor; opacity: .13; }
.fired span { position: absolute; left: 3px; max-width: calc(100% - 6px); box-sizing: border-box; padding: 0 4px; border-radius: var(--vain-radius-small);
  background: color-mix(in srgb, var(--vain-surface) 80%, transparent); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.fired b { font-weight: 600; }
.fired em { font-style: normal; color: var(--vain-text-soft); }`
const SIGNS = {warning: "▲", error: "◆", info: "●"}, LABEL_ROWS = 3, LABEL_ROW_PIXELS = 16, LEAST_TITLE_PIXELS = 44

const untilOf = ({until}, now) => until ?? now

// Labels that would lie over each other go below each other; where there is no row left, a label is left out.
function rowsOf(ranges, now) {
  const ends = []
  return new Map([...ranges].sort((a, b) => a.since - b.since).map((range) => {
    const free = ends.findIndex((end) => end <= range.since), row = free < 0 ? ends.length : free
    ends[row] = untilOf(range, now)
    return [range, row]
  }))
}

// `inside`: over the tracks, `lanes`: with the field above them.
function makeFired(stage, inside, lanes) {
  const strip = make("div", "marks"), layer = make("div")
  strip.setAttribute("aria-hidden", "true")
  lanes.field.append(strip)
  inside.append(make("style", "", FIRED_STYLE), layer)
  let ranges = [], drawn = []

  function fill() {
    for (const {element} of drawn) element.remove()
    const tracks = new Map()
    for (const range of ranges) tracks.set(range.track, [...tracks.get(range.track) ?? [], range])
    drawn = [...tracks].flatMap(([track, those]) => {
      const rows = rowsOf(those, Infinity)
      return those.map((range) => {
        const label = make("span", "", make("b", "", SIGNS[range.level] ?? ""), " ", make("em", "", range.title)), row = rows.get(range)
        const element = track == null ? make("i") : make("div", "fired", label)
        element.dataset.level = range.level
        label.style.bottom = `${2 + row * LABEL_ROW_PIXELS}px`
        return {range, element, label, hasRoom: row < LABEL_ROWS}
      })
    })
    for (const {range, element} of drawn) (range.track == null ? strip : layer).append(element)
  }

  function place() {
    const {frame, window: span, boxes} = stage
    if (!stage.isReady || !boxes.length) return
    const [after, before] = span, scale = frame.width / (before - after), now = lanes.now
    for (const {range, element, label, hasRoom} of drawn) {
      const left = Math.max(0, (range.since - after) * scale), right = Math.min(frame.width, (untilOf(range, now) - after) * scale)
      element.hidden = right < 0 || left > frame.width || right < left
      if (element.hidden) continue
      element.style.left = `${left + (range.track == null ? 0 : frame.left)}px`
      element.style.width = `${right - left}px`
      if (range.track == null) continue
      const {top, height} = stage.plots[range.track].view.frame.bbox
      element.style.top = `${boxes[range.track].top - boxes[0].top + top}px`
      element.style.height = `${height}px`
      label.hidden = !hasRoom || right - left < LEAST_TITLE_PIXELS
    }
  }

  return {
    place,
    renew(fired) { ranges = fired; fill(); place() },
    // What fired at a moment, in words.
    at(t) {
      return ranges.filter((range) => range.since <= t && t <= untilOf(range, lanes.now))
        .map((range) => `${SIGNS[range.level] ?? ""} ${range.title}, ${range.until == null ? "since " + momentOf(atSeconds(range.since), 60) : spanOf(atSeconds(range.since), atSeconds(range.until), range.until - range.since < 600 ? 1 : 60)}`)
    },
    remove() { strip.remove() },
  }
}
