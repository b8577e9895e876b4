// The bars of the tasks: plain links over the time axis, so that text, keyboard and screen readers have them too.
const ROW_PIXELS = 24, TIMES_PIXELS = 22, CROWD_PIXELS = 22, LABEL_PIXELS = 7, LEAST_PIXELS = 3, LABEL_CHARACTERS = 26, LEAST_LABEL_PIXELS = 22
// Wider than this, browsers lose precision; by then newer steps are on their way.
const WIDEST_PIXELS = 1e6
// So much of a step is drawn: the rest parts it from the next.
const STEP_SHARE = 0.88
const READING = "reading the tasks…"

function lookOf(bar) {
  if (bar.status === "completed") return bar.outcome ?? "succeeded"
  if (bar.stale) return "stale"
  return bar.status === "in-progress" ? "running" : "pending"
}

function endingOf(bar, now) {
  const clock = (t) => clockOf(atSeconds(t), 60)
  if (bar.status === "completed") return bar.exit_code ? `exit ${bar.exit_code}` : ""
  const parts = bar.progress == null ? [] : [`${Math.round(bar.progress)} %`]
  if (bar.eta_at != null && bar.eta_at > now) {
    const [low, high] = [bar.eta_low ?? bar.eta_at, bar.eta_high ?? bar.eta_at]
    parts.push(clock(low) === clock(high) ? `ends ${clock(low)}` : `ends ${clock(low)}–${clock(high)}`)
  }
  return parts.join(" · ")
}

function tellOf(bar, now, looks) {
  const look = looks[lookOf(bar)] ?? {word: lookOf(bar)}
  const told = [`${bar.name} · #${bar.task_id}`, look.word + (bar.exit_code ? `, exit ${bar.exit_code}` : "") + (bar.attempt > 1 ? `, attempt ${bar.attempt}` : "")]
  const end = bar.ended ?? now
  if (bar.started != null) told.push(`${bar.ended == null ? "running for" : "took"} ${lengthOf(Math.max(0, Math.round(end - bar.started)))}`)
  if (bar.started != null && bar.started - bar.created >= 1) told.push(`waited ${lengthOf(Math.round(bar.started - bar.created))}`)
  if (bar.started != null) told.push(spanOf(atSeconds(bar.started), atSeconds(end), end - bar.started < 600 ? 1 : 60))
  else told.push(`created ${momentOf(atSeconds(bar.created), 60)}`)
  const ending = bar.status === "completed" ? "" : endingOf(bar, now)
  if (ending) told.push(ending)
  if (bar.cpu_seconds != null) told.push(`${bar.cpu_seconds >= 100 ? Math.round(bar.cpu_seconds) : bar.cpu_seconds.toFixed(1)} s of CPU`)
  if (bar.overdue) told.push("overdue")
  if (bar.children) told.push(`${bar.children} more below it`)
  return told
}

function makeLanes(model, stage) {
  const field = make("div", "field"), bars = make("div", "bars"), times = make("div", "times"), crowd = make("div", "crowd"), empty = make("div", "empty")
  const gutter = make("div", "gutter"), rest = make("span", "rest"), line = make("div", "cross"), chosen = make("div", "chosen"), tip = make("div", "tip")
  const root = make("div", "lanes", gutter, field, tip)
  const [steps, ...outlines] = ["svg", "path", "path"].map((name) => document.createElementNS("http://www.w3.org/2000/svg", name))
  const paths = {running: outlines[0], failed: outlines[1]}
  steps.setAttribute("preserveAspectRatio", "none")
  paths.failed.classList.add("some-failed")
  steps.append(...outlines)
  crowd.append(steps)
  crowd.onpointermove = tellStep
  field.append(times, chosen, bars, crowd, empty, line)
  gutter.append(make("span", "", "Tasks"), rest)
  tip.setAttribute("role", "tooltip")
  tip.hidden = line.hidden = chosen.hidden = true
  times.setAttribute("aria-hidden", "true")
  bars.setAttribute("role", "list")
  bars.setAttribute("aria-label", "Tasks in this window")
  let known = new Map(), skew = 0, isStale = false

  const now = () => performance.now() / 1000 + skew
  // What runs reaches to the edge of a live chart, whose newest sample may be a moment ahead of this clock.
  function untilNow() {
    const before = stage.window?.[1] ?? now()
    return model.shown.kind === "live" && Math.abs(before - now()) < 5 ? Math.max(before, now()) : now()
  }

  function makeBar() {
    const parts = {label: make("span", "label"), sign: make("span", "sign"), name: make("span", "name"), ending: make("span", "ending")}
    parts.label.append(parts.sign, parts.name, parts.ending)
    parts.link = make("a", "bar", parts.label)
    parts.link.draggable = false
    parts.item = make("span", "", parts.link)
    parts.item.setAttribute("role", "listitem")
    const tell = () => showTip(parts)
    parts.link.onpointerenter = parts.link.onfocus = tell
    parts.link.onpointerleave = parts.link.onblur = () => { tip.hidden = true }
    return parts
  }

  function showTip({bar, link}) {
    const [title, ...lines] = tellOf(bar, now(), model.looks)
    tip.replaceChildren(make("strong", "", title), ...lines.map((text) => make("span", "", text)))
    tip.hidden = false
    const box = link.getBoundingClientRect(), outer = root.getBoundingClientRect(), label = link.querySelector(".label").getBoundingClientRect()
    tip.style.left = `${Math.max(0, Math.min(label.left - outer.left, outer.width - tip.offsetWidth))}px`
    tip.style.top = `${box.bottom - outer.top + 4}px`
  }

  // The names and words of the bars; where they are is the business of `place`.
  function fill() {
    const lanes = model.lanes, kept = new Map()
    if (lanes.now) skew = lanes.now - performance.now() / 1000
    for (const bar of lanes.bars ?? []) {
      const name = `${bar.task_id}-${bar.attempt}`, parts = known.get(name) ?? makeBar(), look = lookOf(bar)
      kept.set(name, parts)
      parts.bar = bar
      parts.link.href = `./task?id=${bar.task_id}`
      parts.link.dataset.look = look
      parts.link.style.setProperty("--bar", model.looks[look]?.color ?? "var(--vain-series-grey)")
      setText(parts.sign, model.looks[look]?.sign ?? "")
      setText(parts.name, bar.name)
      parts.link.setAttribute("aria-label", tellOf(bar, now(), model.looks).join(", "))
    }
    for (const [name, {item}] of known) if (!kept.has(name)) item.remove()
    known = kept
    // In the order of time, for who goes from one to the next with the keyboard.
    const order = [...kept.values()].sort((a, b) => a.bar.row - b.bar.row || a.bar.created - b.bar.created)
    order.forEach(({item}, index) => { if (bars.children[index] !== item) bars.insertBefore(item, bars.children[index] ?? null) })
    const rows = Math.max(lanes.rows ?? 0, 2)
    bars.style.height = `${rows * ROW_PIXELS}px`
    crowd.hidden = !lanes.crowd
    setText(rest, lanes.left_out ? `${lanes.left_out.toLocaleString()} more` : "")
    rest.title = lanes.left_out ? "Tasks that are too short or too many to be drawn here: zoom in to see them" : ""
    rest.style.top = `${TIMES_PIXELS + rows * ROW_PIXELS + 3}px`
    fillCrowd(lanes.crowd)
    showEmpty(lanes)
  }

  function showEmpty(lanes) {
    empty.hidden = !!(lanes.bars?.length || lanes.left_out)
    if (empty.hidden) return
    if (!("bars" in lanes)) { empty.replaceChildren(READING); return }
    if (model.chosen.text || model.chosen.show) { empty.replaceChildren("No task of this window matches the filter."); return }
    empty.replaceChildren("No task ran in this window. Any command becomes one: ", make("code", "", "vain run -- python train.py"))
  }

  function place() {
    if (isStale) { isStale = false; fill() }
    const frame = stage.frame, span = stage.window ?? (model.lanes.bars ? [model.lanes.after, model.lanes.before] : null)
    if (frame) { field.style.left = `${frame.left}px`; field.style.width = `${frame.width}px` }
    if (!span) return
    const width = frame?.width ?? field.clientWidth, [after, before] = span, scale = width / (before - after)
    const at = untilNow()
    const x = (t) => (t - after) * scale
    const rows = new Map()
    for (const parts of known.values()) rows.set(parts.bar.row, [...rows.get(parts.bar.row) ?? [], parts])
    for (const row of rows.values()) {
      row.sort((a, b) => a.bar.created - b.bar.created)
      row.forEach((parts, index) => placeBar(parts, x, width, at, row[index + 1] ? x(row[index + 1].bar.created) : width, index > 0))
    }
    placeTimes(after, before, width)
    placeCrowd(x)
  }

  function placeBar(parts, x, width, at, next, isAfterAnother) {
    const {bar, link, label, ending, item} = parts
    const begun = bar.started ?? bar.ended ?? at, end = bar.ended ?? at
    // What has just begun is seen at the edge of a long window, too.
    const seen = (t) => x(t) <= width ? Math.min(x(t), width - LEAST_PIXELS) : x(t)
    const left = seen(bar.created), middle = Math.max(left, bar.started == null ? x(begun) : seen(begun))
    const right = Math.max(x(end), middle + (bar.started == null ? 0 : LEAST_PIXELS))
    const until = bar.eta_at != null && bar.ended == null ? x(bar.eta_high ?? bar.eta_at) : right
    item.hidden = Math.max(right, until) < -200 || left > width + 10
    if (item.hidden) return
    // Browsers lose precision with bars of a million pixels.
    const cut = (value) => Math.min(Math.max(value, -20), width + 20)
    const begin = cut(left), length = Math.max(cut(Math.max(right, until)) - begin, 1)
    link.style.top = `${bar.row * ROW_PIXELS + 2}px`
    link.style.left = `${begin}px`
    link.style.width = `${length}px`
    // In parts of the bar, which stay as they are while the bar is stretched: what does not change need not be laid out again.
    const part = (value) => `${+(100 * value / length).toFixed(2)}%`
    // Most bars have one of these: what a bar has not is not made.
    const put = (name, from, to) => {
      const is = to - from > 0.5
      if (is && !parts[name]) link.insertBefore(parts[name] = make("span", name), label)
      if (!parts[name]) return
      parts[name].hidden = !is
      if (!is) return
      parts[name].style.left = part(cut(from) - begin)
      parts[name].style.width = part(cut(to) - cut(from))
    }
    put("later", right, Math.max(right, until))
    put("queue", left, bar.started == null ? right : middle)
    put("run", middle, bar.started == null ? middle : right)
    const progress = bar.status === "in-progress" && bar.progress || 0
    if (progress && parts.run && !parts.done) parts.run.append(parts.done = make("span", "done"))
    if (parts.done) { parts.done.hidden = !progress; parts.done.style.width = `${progress}%` }
    // On what ran, if that can be seen; else on the wait.
    const [from, to] = [Math.max(bar.started == null || middle > width - 40 ? left : middle, 0), Math.min(right, width)], wordy = endingOf(bar, at), indent = bar.depth * 10
    const needs = LABEL_PIXELS * (Math.min(bar.name.length, LABEL_CHARACTERS) + 3)
    const beside = Math.min(width, next - 4) - right, inside = to - from >= Math.min(needs, 120) || beside < Math.min(needs, to - from)
    let room = inside ? to - from - indent : Math.min(beside, LABEL_PIXELS * LABEL_CHARACTERS + 20)
    const isBefore = room < LEAST_LABEL_PIXELS && !isAfterAnother && left > 3 * LEAST_LABEL_PIXELS
    if (isBefore) room = Math.min(left, LABEL_PIXELS * LABEL_CHARACTERS + 20)
    label.hidden = room < LEAST_LABEL_PIXELS
    if (label.hidden) return
    link.classList.toggle("outside", !inside || isBefore)
    label.style.left = isBefore ? "" : inside ? `calc(${part(from - begin)} + ${indent}px)` : part(Math.max(right, 0) - begin)
    label.style.right = isBefore ? "calc(100% + 2px)" : inside ? part(begin + length - to) : ""
    label.style.maxWidth = inside && !isBefore ? "" : `${room}px`
    setText(ending, inside && room > needs + 70 ? wordy : "")
  }

  function placeTimes(after, before, width) {
    const ticks = ticksOf({start: after * 1000, end: before * 1000, range: {linked_plots: [{frame: {bbox: {width}}}]}})
    while (times.children.length > ticks.length) times.lastChild.remove()
    ticks.forEach((tick, index) => {
      const mark = times.children[index] ?? times.appendChild(make("span"))
      mark.style.left = `${(tick / 1000 - after) * width / (before - after)}px`
      setText(mark, tickLabel(tick, ticks, index))
    })
  }

  // One drawing of all steps, stretched with the axis: an element for each would have to be styled in every frame.
  function fillCrowd(told) {
    const outlines = {running: "", failed: ""}
    const highest = Math.max(1, ...told?.running ?? [])
    told?.t.forEach((t, index) => {
      const height = Math.max(3, told.running[index] / highest * (CROWD_PIXELS - 4))
      if (told.running[index] || told.failed[index]) outlines[told.failed[index] ? "failed" : "running"] += `M${t - told.t[0]} ${CROWD_PIXELS}v${-height}h${told.step_seconds * STEP_SHARE}v${height}z`
    })
    for (const [name, path] of Object.entries(paths)) path.setAttribute("d", outlines[name])
    if (told?.t.length) steps.setAttribute("viewBox", `0 0 ${told.t.at(-1) + told.step_seconds - told.t[0]} ${CROWD_PIXELS}`)
  }

  function tellStep(event) {
    const told = model.lanes.crowd, [after, before] = stage.window ?? [0, 0], box = crowd.getBoundingClientRect()
    const at = after + (event.clientX - box.left) / box.width * (before - after)
    const index = told ? told.t.findIndex((t) => t <= at && at < t + told.step_seconds) : -1
    if (index < 0 || !(told.running[index] || told.failed[index])) { crowd.title = ""; return }
    const badly = told.failed[index] ? `, ${told.failed[index].toLocaleString()} of them ended badly` : "", t = told.t[index]
    crowd.title = `${told.running[index].toLocaleString()} more tasks${badly} · ${spanOf(atSeconds(t), atSeconds(t + told.step_seconds), told.step_seconds)}`
  }

  function placeCrowd(x) {
    const told = model.lanes.crowd
    if (!told?.t.length) return
    const from = x(told.t[0]), width = x(told.t.at(-1) + told.step_seconds) - from
    steps.style.display = width > WIDEST_PIXELS ? "none" : ""
    steps.style.left = `${from}px`
    steps.style.width = `${width}px`
  }

  const across = (part, x) => { part.hidden = x == null; if (x != null) part.style.left = `${x}px` }
  return {
    root, field, place,
    // Drawn with the next frame, together with what else has changed by then: the page is laid out once.
    renew() { isStale = true; stage.renew() },
    get now() { return untilNow() },
    get count() { return known.size },
    cross(x) { across(line, x) },
    choose(from, to) { across(chosen, from); if (from != null) chosen.style.width = `${Math.max(1, to - from)}px` },
    tick() { if ((model.lanes.bars ?? []).some((bar) => bar.ended == null)) place() },
  }
}
