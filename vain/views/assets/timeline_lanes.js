// The bars of the tasks: plain links over the time axis, so that text, keyboard and screen readers have them too.
const ROW_PIXELS = 24, TIMES_PIXELS = 22, CROWD_PIXELS = 22, LABEL_PIXELS = 7, LEAST_PIXELS = 3, LABEL_CHARACTERS = 26, LEAST_LABEL_PIXELS = 22
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
  field.append(times, chosen, bars, crowd, empty, line)
  gutter.append(make("span", "", "Tasks"), rest)
  tip.setAttribute("role", "tooltip")
  tip.hidden = line.hidden = chosen.hidden = true
  times.setAttribute("aria-hidden", "true")
  bars.setAttribute("role", "list")
  bars.setAttribute("aria-label", "Tasks in this window")
  let known = new Map(), skew = 0

  const now = () => performance.now() / 1000 + skew

  function makeBar() {
    const parts = {queue: make("span", "queue"), run: make("span", "run"), done: make("span", "done"), later: make("span", "later"), label: make("span", "label")}
    parts.sign = make("span", "sign"), parts.name = make("span", "name"), parts.ending = make("span", "ending")
    parts.label.append(parts.sign, parts.name, parts.ending)
    parts.link = make("a", "bar", parts.later, parts.queue, parts.run, parts.label)
    parts.run.append(parts.done)
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
      parts.link.href = `/task?id=${bar.task_id}`
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
    showEmpty(lanes)
    place()
  }

  function showEmpty(lanes) {
    empty.hidden = !!(lanes.bars?.length || lanes.left_out)
    if (empty.hidden) return
    if (!("bars" in lanes)) { empty.replaceChildren(READING); return }
    if (model.chosen.text || model.chosen.show) { empty.replaceChildren("No task of this window matches the filter."); return }
    empty.replaceChildren("No task ran in this window. Any command becomes one: ", make("code", "", "vain run -- python train.py"))
  }

  function place() {
    const frame = stage.frame, span = stage.window ?? (model.lanes.bars ? [model.lanes.after, model.lanes.before] : null)
    if (frame) { field.style.left = `${frame.left}px`; field.style.width = `${frame.width}px` }
    if (!span) return
    const width = frame?.width ?? field.clientWidth, [after, before] = span, scale = width / (before - after)
    // What runs reaches to the edge of a live chart, whose newest sample may be a moment ahead of this clock.
    const at = model.shown.kind === "live" && Math.abs(before - now()) < 5 ? Math.max(before, now()) : now()
    const x = (t) => (t - after) * scale
    const rows = new Map()
    for (const parts of known.values()) rows.set(parts.bar.row, [...rows.get(parts.bar.row) ?? [], parts])
    for (const row of rows.values()) {
      row.sort((a, b) => a.bar.created - b.bar.created)
      row.forEach((parts, index) => placeBar(parts, x, width, at, row[index + 1] ? x(row[index + 1].bar.created) : width, index > 0))
    }
    placeTimes(after, before, width)
    placeCrowd(x, width)
  }

  function placeBar({bar, link, queue, run, done, later, label, ending, item}, x, width, at, next, isAfterAnother) {
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
    link.style.top = `${bar.row * ROW_PIXELS + 2}px`
    link.style.left = `${cut(left)}px`
    const put = (part, from, to) => { part.hidden = to - from <= 0.5; part.style.left = `${cut(from) - cut(left)}px`; part.style.width = `${cut(to) - cut(from)}px` }
    put(queue, left, bar.started == null ? right : middle)
    put(run, middle, bar.started == null ? middle : right)
    put(later, right, Math.max(right, until))
    done.style.width = bar.status === "in-progress" && bar.progress != null ? `${bar.progress}%` : "0"
    // On what ran, if that can be seen; else on the wait.
    const [from, to] = [Math.max(bar.started == null || middle > width - 40 ? left : middle, 0), Math.min(right, width)], wordy = endingOf(bar, at), indent = bar.depth * 10
    const needs = LABEL_PIXELS * (Math.min(bar.name.length, LABEL_CHARACTERS) + 3)
    const beside = Math.min(width, next - 4) - right, inside = to - from >= Math.min(needs, 120) || beside < Math.min(needs, to - from)
    link.style.width = `${Math.max(cut(Math.max(right, until)) - cut(left), 1)}px`
    label.style.left = `${(inside ? from : Math.max(right, 0)) - cut(left) + (inside ? indent : 0)}px`
    let room = inside ? to - from - indent : Math.min(beside, LABEL_PIXELS * LABEL_CHARACTERS + 20)
    const isBefore = room < LEAST_LABEL_PIXELS && !isAfterAnother && left > 3 * LEAST_LABEL_PIXELS
    if (isBefore) room = Math.min(left, LABEL_PIXELS * LABEL_CHARACTERS + 20)
    link.classList.toggle("outside", !inside || isBefore)
    label.style.right = isBefore ? "calc(100% + 2px)" : ""
    if (isBefore) label.style.left = ""
    label.hidden = room < LEAST_LABEL_PIXELS
    label.style.maxWidth = `${Math.max(0, room)}px`
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

  function placeCrowd(x, width) {
    const told = model.lanes.crowd
    if (!told) { crowd.replaceChildren(); return }
    const highest = Math.max(1, ...told.running), steps = []
    told.t.forEach((t, index) => {
      const [from, to] = [x(t), x(t + told.step_seconds)], running = told.running[index], failed = told.failed[index]
      if (to < 0 || from > width || !(running || failed)) return
      const step = make("span", failed ? "some-failed" : "")
      step.style.left = `${from}px`
      step.style.width = `${Math.max(1, to - from - 0.5)}px`
      step.style.height = `${Math.max(3, running / highest * (CROWD_PIXELS - 4))}px`
      step.title = `${running.toLocaleString()} more tasks` + (failed ? `, ${failed.toLocaleString()} of them ended badly` : "") + ` · ${spanOf(atSeconds(t), atSeconds(t + told.step_seconds), told.step_seconds)}`
      steps.push(step)
    })
    crowd.replaceChildren(...steps)
  }

  const across = (part, x) => { part.hidden = x == null; if (x != null) part.style.left = `${x}px` }
  return {
    root, field, fill, place,
    get count() { return known.size },
    cross(x) { across(line, x) },
    choose(from, to) { across(chosen, from); if (from != null) chosen.style.width = `${Math.max(1, to - from)}px` },
    tick() { if ((model.lanes.bars ?? []).some((bar) => bar.ended == null)) place() },
  }
}
