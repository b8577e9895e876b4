// The line that goes through everything at one moment, what each track was then, and the stretch that is chosen.
const OVER_STYLE = `
:host { position: absolute; left: 0; right: 0; z-index: 3; touch-action: pan-y; cursor: crosshair; user-select: none; -webkit-user-select: none; }
.cross { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--vain-line-strong); pointer-events: none; }
.chosen { position: absolute; top: 0; bottom: 0; background: var(--vain-accent); opacity: .12; pointer-events: none; }
.caption { position: absolute; display: flex; gap: 4px 14px; white-space: nowrap; overflow: hidden; pointer-events: none; font: var(--vain-size-small)/20px var(--vain-font);
  font-variant-numeric: tabular-nums; color: var(--vain-text-soft); }
.caption b { font-weight: 600; color: var(--vain-text); }
.caption span { display: inline-flex; align-items: center; gap: 5px; }
.caption em { font-style: normal; color: var(--vain-text); min-width: 5.5ch; }
.caption i { width: 14px; height: 0; border-top: 2px solid; flex: none; }
.gap { position: absolute; transform: translateX(-50%); pointer-events: none; font: var(--vain-size-small)/18px var(--vain-font); color: var(--vain-text-soft);
  background: var(--vain-surface); padding: 0 6px; border-radius: var(--vain-radius-small); }
.flag { position: absolute; top: -2px; transform: translate(-50%, -100%); pointer-events: none; padding: 1px 7px; border-radius: var(--vain-radius-small); white-space: nowrap; box-sizing: border-box; max-width: 100%; overflow: hidden; text-overflow: ellipsis;
  background: var(--vain-text); color: var(--vain-surface); font: 600 var(--vain-size-small)/1.5 var(--vain-font); font-variant-numeric: tabular-nums; z-index: 4; }
[hidden] { display: none; }`
const DASHES = {solid: "solid", dashed: "dashed", dotted: "dotted", dotdash: "dashed"}

// The row of `times` (sorted, in milliseconds) that is nearest to a moment; -1 if none is near enough.
function rowNear(times, at, near) {
  let low = 0, high = times.length
  while (low < high) { const half = (low + high) >> 1; if (times[half] < at) low = half + 1; else high = half }
  const best = low > 0 && (low === times.length || at - times[low - 1] < times[low] - at) ? low - 1 : low
  return best < times.length && Math.abs(times[best] - at) <= near ? best : -1
}

function makeCross(model, stage, lanes) {
  const over = make("div"), inside = over.attachShadow({mode: "open"})
  over.className = "vain-over"
  const line = make("div", "cross"), flag = make("div", "flag"), chosen = make("div", "chosen"), captions = [], gap = make("div", "gap")
  line.hidden = flag.hidden = chosen.hidden = gap.hidden = true
  inside.append(make("style", "", OVER_STYLE))
  const fired = makeFired(stage, inside, lanes)
  inside.append(chosen, gap, line, flag)
  let rows = null, bands = null, moment = null, selection = null, isWaiting = null

  function attach() {
    stage.container.append(over)
    rows = stage.model_of(model.rows_source)
    bands = stage.model_of(model.bands_source)
    for (const {track} of stage.plots) {
      const caption = make("div", "caption", make("b", "", track.title)), values = track.lines.map((one) => {
        const value = make("em"), swatch = make("i")
        swatch.style.borderTopColor = one.color
        swatch.style.borderTopStyle = DASHES[one.dash] ?? "solid"
        caption.append(make("span", "", ...(track.lines.length > 1 ? [swatch, one.label] : [swatch]), value))
        return {series: one.series, value}
      })
      inside.append(caption)
      captions.push({caption, values, unit: track.unit})
    }
    for (const signal of [rows.change, rows.streaming]) signal.connect(later)
  }

  // What the tracks say is renewed once in a frame, whatever changed.
  function later() { isWaiting ??= requestAnimationFrame(() => { isWaiting = null; tell() }) }

  function tell() {
    if (!rows) return
    const t = rows.data.t ?? [], step = model.shown.step_seconds || 0, isLive = model.shown.kind === "live"
    const row = moment != null ? rowNear(t, moment * 1000, Math.max(2500, step * 600)) : isLive ? t.length - 1 : -1
    for (const {values, unit} of captions) for (const {series, value} of values) setText(value, wordsOf(series, row, unit, t, moment != null))
  }

  function wordsOf(series, row, unit, t, isAsked) {
    if (row < 0) return isAsked ? "–" : ""
    const mean = rows.data[series]?.[row], lows = bands?.data["low:" + series]
    if (!model.shown.step_seconds || !lows || mean == null || Number.isNaN(mean)) return amountOf(mean, unit)
    const at = rowNear(bands.data.t, t[row], 1)
    const [low, high] = at < 0 ? [mean, mean] : [lows[at], bands.data["high:" + series][at]]
    return amountOf(low, unit) === amountOf(high, unit) ? amountOf(mean, unit) : `${amountOf(mean, unit)}  (${amountOf(low, unit)} – ${amountOf(high, unit)})`
  }

  function place() {
    const {boxes, frame} = stage
    if (!boxes.length) return
    const [{top}] = boxes
    over.style.top = `${top}px`
    over.style.height = `${boxes.at(-1).bottom - top}px`
    captions.forEach(({caption}, index) => {
      caption.style.left = `${frame.left}px`
      caption.style.width = `${frame.width}px`
      caption.style.top = `${boxes[index].top - top}px`
    })
    fired.place()
    draw()
    placeGap(boxes[0], frame)
    tell()
  }

  const toX = (t) => { const [after, before] = stage.window, frame = stage.frame; return (t - after) / (before - after) * frame.width }

  function placeGap(box, frame) {
    const widest = (model.shown.gaps ?? []).map((one) => ({...one, from: Math.max(0, toX(one.begin)), to: Math.min(frame.width, toX(one.end))}))
      .filter(({from, to}) => to - from > 70).sort((a, b) => (b.to - b.from) - (a.to - a.from))[0]
    gap.hidden = !widest
    if (!widest) return
    setText(gap, widest.cause)
    gap.style.left = `${frame.left + (widest.from + widest.to) / 2}px`
    gap.style.top = `${(box.bottom - box.top) / 2}px`
  }

  function draw() {
    if (!stage.isReady) return
    const frame = stage.frame, x = moment == null ? null : toX(moment), isSeen = x != null && x >= 0 && x <= frame.width
    line.hidden = flag.hidden = !isSeen
    lanes.cross(isSeen ? x : null)
    if (isSeen) {
      line.style.left = `${frame.left + x}px`
      const [after, before] = stage.window, inGap = (model.shown.gaps ?? []).find(({begin, end}) => moment >= begin && moment <= end)
      const gapWords = inGap ? [`${inGap.cause} ${spanOf(atSeconds(inGap.begin), atSeconds(inGap.end), 60)}`] : []
      setText(flag, [momentOf(atSeconds(moment), before - after > 7200 ? 60 : 1), ...gapWords, ...fired.at(moment)].join(" · "))
      const half = Math.max(50, flag.offsetWidth / 2)
      flag.style.left = `${Math.max(half, Math.min(frame.left + x, frame.left + frame.width + 10 - half))}px`
    }
    const edges = selection && [Math.max(-2, toX(selection[0])), Math.min(frame.width + 2, toX(selection[1]))]
    const isChosen = !!edges && edges[1] > 0 && edges[0] < frame.width
    chosen.hidden = !isChosen
    lanes.choose(...(isChosen ? edges : [null, null]))
    if (isChosen) { chosen.style.left = `${frame.left + edges[0]}px`; chosen.style.width = `${Math.max(1, edges[1] - edges[0])}px` }
  }

  return {
    over, attach, place, tell: later, renewFired: fired.renew,
    get moment() { return moment },
    get selection() { return selection },
    at(t) { moment = t; draw(); later() },
    choose(from, to) { selection = from == null ? null : [from, to]; draw() },
    remove() {
      cancelAnimationFrame(isWaiting)
      if (rows) for (const signal of [rows.change, rows.streaming]) signal.disconnect(later)
      fired.remove()
      over.remove()
    },
  }
}
