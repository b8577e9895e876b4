// One metric of all hosts over time: pointed at or walked through by keys, and a click or Enter opens the timeline of that host.
const LIVE_SECONDS = 3600

export function render({model, view}) {
  view.heat_teardown?.()
  let told = null, rows = [], at = null, read = null, choice = {...model.chosen}, server = ""
  const metrics = make("div", "kinds"), spans = make("div", "kinds"), walk = make("div", "kinds"), title = make("h2"), canvas = make("canvas"), axis = make("div", "axis"), times = make("div", "times"), mark = make("div", "mark"), moment = make("div", "moment")
  const plot = make("div", "plot", axis, make("div", "picture", canvas, mark, moment)), said = make("span", "said"), full = make("span"), scale = make("span", "scale", make("span", "", "0"), make("span", "ramp"), full)
  const heat = make("div", "heat", make("div", "head", title, make("div", "tools", metrics, spans, walk)), plot, make("div", "under", make("span"), times), make("div", "foot", said, scale)), first = makeFirst(), root = make("div", "", heat, first)
  heat.hidden = first.hidden = true
  canvas.tabIndex = 0
  canvas.setAttribute("role", "img")
  said.setAttribute("role", "status")
  axis.setAttribute("aria-hidden", "true")
  times.setAttribute("aria-hidden", "true")
  metrics.setAttribute("role", "group")
  metrics.setAttribute("aria-label", "Which metric")
  spans.setAttribute("role", "group")
  spans.setAttribute("aria-label", "How much time")
  walk.setAttribute("role", "group")
  walk.setAttribute("aria-label", "Which time")

  function choose(change) {
    choice = {...choice, ...change}
    putInAddress({metric: choice.metric === "cpu" ? "" : choice.metric, last: choice.seconds === LIVE_SECONDS ? "" : choice.seconds, until: choice.until || ""})
    read ??= showBusy()
    press()
    model.send_msg(choice)
  }

  const choices = (parent, all, name) => all.map(([value, label]) => {
    const button = Object.assign(make("button", "", label), {type: "button", onclick: () => choose({[name]: value})})
    parent.append(button)
    return {button, is: () => choice[name] === value}
  })
  const buttons = [...choices(metrics, model.metrics, "metric"), ...choices(spans, model.spans, "seconds")]
  const labelOf = (all, value) => (all.find(([each]) => each === value) ?? ["", ""])[1]

  // By half of what is seen, so that the eye keeps its place.
  function move(direction) {
    const now = Date.now() / 1000, until = Math.round((choice.until || now) + direction * choice.seconds / 2)
    if (direction > 0 && !choice.until) return
    choose({until: until >= now - choice.seconds / 4 ? 0 : Math.max(choice.seconds, until)})
  }
  const button = (text, name, act) => Object.assign(make("button", "", text), {type: "button", title: name, ariaLabel: name, onclick: act})
  const later = button("›", "Later (Shift →)", () => move(1)), now = button("Now", "Until now", () => choose({until: 0}))
  walk.append(button("‹", "Earlier (Shift ←)", () => move(-1)), later, now)

  function press() {
    for (const {button, is} of buttons) button.setAttribute("aria-pressed", String(is()))
    now.setAttribute("aria-pressed", String(!choice.until))
    later.disabled = !choice.until
  }

  const columns = () => rows[0]?.values.length ?? 0
  const spanAt = (column) => {
    const begin = told.begin + column * told.step
    return spanOf(new Date(begin * 1000), new Date((begin + told.step) * 1000), told.step < 60 ? 1 : 60)
  }
  const address = ({host}) => ofHost("./", host, host === server, choice.until ? {after: told.begin, before: told.begin + columns() * told.step} : choice.seconds === LIVE_SECONDS ? {live: LIVE_SECONDS} : {last: choice.seconds})

  function summary() {
    const worst = told.hosts[0]
    if (!worst) return "Nothing is known of this time"
    const newest = worst[1].findLast((value) => value != null)
    return newest == null ? "Nothing is known of this time" : `Highest mean: ${worst[0]}, ${choice.until ? "at the end" : "now"} ${amountIn(newest, told.unit)}`
  }

  function say() {
    const row = at && rows[at.row]
    mark.hidden = moment.hidden = !row
    const text = row ? `${row.name}, ${spanAt(at.column)}: ${amountIn(row.values[at.column], told.unit)}` : summary()
    setText(said, text)
    canvas.setAttribute("aria-label", `${title.textContent}. ${text}. Arrow keys walk through it, Enter opens the timeline of a host.`)
    canvas.style.cursor = row && !row.host ? "default" : "pointer"
    if (!row) return
    Object.assign(mark.style, {top: `${row.top - 1}px`, height: `${row.height + 1}px`})
    Object.assign(moment.style, {left: `${(at.column / columns()) * 100}%`, width: `${100 / columns()}%`})
  }

  function label(row) {
    if (!row.host) return make("span", "quiet", row.name)
    // The picture itself is what keys reach.
    const link = Object.assign(make("a", "", row.name), {href: address(row), tabIndex: -1, title: row.name})
    return link
  }

  function labels() {
    const shown = rows.filter(({host, height}) => !host || height >= LABELLED_PIXELS), own = told.hosts.length
    if (own && rows[0].height < LABELLED_PIXELS) {
      const height = own * rows[0].height
      shown.unshift({...rows[0], height: 0, isRange: true, name: `${own.toLocaleString()} hosts, the highest mean first`, total: height})
    }
    axis.replaceChildren(...shown.map((row) => {
      const made = row.isRange ? make("span", "quiet all", row.name) : label(row)
      Object.assign(made.style, row.isRange ? {top: "0", height: `${row.total}px`} : {top: `${row.top}px`, height: `${row.height}px`, lineHeight: `${row.height - 1}px`})
      return made
    }))
    axis.style.height = `${heightOf(rows)}px`
  }

  function ticks() {
    const start = told.begin * 1000, end = start + columns() * told.step * 1000
    const found = ticksOf({start, end, range: {linked_plots: [{frame: {bbox: {width: times.clientWidth || 600}}}]}})
    times.replaceChildren(...found.map((tick) => {
      const made = make("span", "", tickLabel(tick, found))
      const part = (tick - start) / (end - start)
      Object.assign(made.style, {left: `${part * 100}%`, transform: `translateX(${part < 0.03 ? 0 : part > 0.97 ? -100 : -50}%)`})
      return made
    }))
  }

  function draw() {
    // Before it stands on the page neither its colour nor its width are known.
    if (!told || heat.hidden) return
    if (!canvas.isConnected) { requestAnimationFrame(draw); return }
    paint(canvas, rows, fullOf(told))
    canvas.style.height = `${canvas.height}px`
    ticks()
    say()
  }

  function renew() {
    if (!model.shown) return
    const fresh = JSON.parse(model.shown), before = at && rows[at.row]?.name
    if (fresh.metric !== choice.metric || fresh.seconds !== choice.seconds || fresh.until !== choice.until) return
    read?.()
    read = null
    told = fresh
    server = told.server
    rows = rowsOf(told)
    // Who is pointed at may stand in another row now.
    const row = rows.findIndex(({name}) => name === before)
    at = row < 0 ? null : {row, column: Math.min(at.column, columns() - 1)}
    heat.hidden = told.count < 2
    first.hidden = !heat.hidden
    setText(title, `${labelOf(model.metrics, told.metric)} of all hosts`)
    setText(full, `${told.unit === "percent" ? "100 %" : fullOf(told).toFixed(1)} · empty: not known`)
    labels()
    draw()
  }

  function fail() {
    if (!model.trouble) return
    read?.()
    read = null
    setText(said, model.trouble)
  }

  function point(event) {
    const size = canvas.getBoundingClientRect(), x = Math.floor((event.clientX - size.left) / size.width * columns()), y = event.clientY - size.top
    const row = rows.findIndex(({top, height}) => y >= top && y < top + height)
    at = row < 0 ? null : {row, column: Math.max(0, Math.min(columns() - 1, x))}
    say()
  }

  function open(row) {
    if (row?.host) location.assign(address(row))
  }

  const MOVES = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}
  function key(event) {
    const step = MOVES[event.key]
    if (event.ctrlKey || event.metaKey || event.altKey || !rows.length) return
    if (event.shiftKey && step?.[1]) move(step[1])
    else if (event.key === "Escape") at = null
    else if (event.key === "Enter") return open(at && rows[at.row])
    else if (event.key === "Home" || event.key === "End") at = {row: at?.row ?? 0, column: event.key === "Home" ? 0 : columns() - 1}
    else if (step && !at) at = {row: 0, column: columns() - 1}
    else if (step) at = {row: Math.max(0, Math.min(rows.length - 1, at.row + step[0])), column: Math.max(0, Math.min(columns() - 1, at.column + step[1]))}
    else return
    event.preventDefault()
    say()
  }

  const leave = () => { at = null; if (told) say() }
  canvas.addEventListener("pointermove", point)
  canvas.addEventListener("pointerleave", leave)
  canvas.addEventListener("blur", leave)
  canvas.addEventListener("keydown", key)
  canvas.addEventListener("click", (event) => { point(event); open(at && rows[at.row]) })
  const sized = new ResizeObserver(() => { if (told && !heat.hidden) ticks() })
  sized.observe(times)
  model.on("shown", renew)
  model.on("trouble", fail)
  view.heat_teardown = () => {
    sized.disconnect()
    read?.()
    model.off("shown", renew)
    model.off("trouble", fail)
  }
  model.on("remove", view.heat_teardown)
  press()
  renew()
  fail()
  return root
}
