// Which time the charts show: buttons, a form for any time, and a line that says what is seen.
const SIGN_MILLISECONDS = 300
const SHORTEST_SECONDS = 2
const ADDRESS_MILLISECONDS = 300
// Of a stretch that is zoomed to, on either side of it.
const ROOM = 0.15

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

function button(text, does, label) {
  const made = element("button", {type: "button", textContent: text, onclick: does})
  if (label) { made.setAttribute("aria-label", label); made.title = label }
  return made
}

function group(label, ...children) {
  const made = element("div", {className: "group"}, ...children)
  made.setAttribute("role", "group")
  made.setAttribute("aria-label", label)
  return made
}

const pressed = (one, is) => one.setAttribute("aria-pressed", String(is))

// What a datetime-local field holds, which is in the viewer's own zone.
const fieldOf = (seconds) => new Date(seconds * 1000 - new Date(seconds * 1000).getTimezoneOffset() * 60000).toISOString().slice(0, 19)

function makeForm(choose) {
  const field = (label) => {
    const input = element("input", {type: "datetime-local", step: 1, required: true})
    return [input, element("label", {}, element("span", {textContent: label}), input)]
  }
  const [from, fromLabel] = field("From"), [to, toLabel] = field("To")
  const form = element("form", {className: "dates", hidden: true}, fromLabel, toLabel, element("button", {type: "submit", textContent: "Show"}))
  from.oninput = to.oninput = () => to.setCustomValidity("")
  form.onsubmit = (event) => {
    event.preventDefault()
    const [after, before] = [from, to].map((input) => new Date(input.value).getTime() / 1000)
    if (!(before - after >= SHORTEST_SECONDS)) {
      to.setCustomValidity("This has to be later than the beginning.")
      to.reportValidity()
    } else choose(after, before)
  }
  const fill = ([after, before]) => { from.value = fieldOf(after); to.value = fieldOf(before) }
  return {form, fill, focus: () => from.focus()}
}

export function render({model, view}) {
  // Bokeh may draw a view again (a changed style sheet is enough): what the drawing before set up has to go first.
  view.range_teardown?.()
  let request = 0, sign = null, address = null, read = null, seconds = model.live[0][0]
  const axis = makeAxis(model.axis, () => look(...axis.window, true), renew)
  const isLive = () => model.shown.kind === "live"

  const windows = [...model.live.map((one) => [...one, "live"]), ...model.last.map((one) => [...one, "last"])].map(([length, label, kind]) => {
    const made = button(label, () => want({kind, seconds: length}), `${kind === "live" ? "Follow the newest" : "The last"} ${label}`)
    return {made, length, label, kind}
  })
  const live = button("Live", () => want({kind: "live", seconds}), "Follow the newest samples again (or double-click a chart)")
  live.className = "live"
  const dates = button("Dates", () => { open(dates.getAttribute("aria-expanded") !== "true") }, "Any time: choose when it begins and ends")
  dates.setAttribute("aria-expanded", "false")
  const [back, out, closer, forward] = [["‹", -1, 1, "Back by one window"], ["−", 0, 2, "Zoom out"], ["+", 0, 0.5, "Zoom in"], ["›", 1, 1, "Forward by one window"]]
    .map(([text, by, scale, label]) => button(text, () => move(by, scale), label))
  const form = makeForm((after, before) => look(after, before))
  const note = element("p", {className: "note"})
  note.setAttribute("role", "status")
  const made = (kind) => windows.filter((one) => one.kind === kind).map((one) => one.made)
  const root = element("div", {className: "range"},
    element("div", {className: "row"}, group("Follow the newest", live, ...made("live")), group("The past until now", ...made("last"), dates), group("Move the window", back, out, closer, forward)),
    form.form, note)

  function haveRead() {
    clearTimeout(sign)
    read?.()
    read = null
  }

  function want(wanted) {
    request += 1
    axis.rest()
    clearTimeout(sign)
    read ??= showBusy()
    sign = setTimeout(() => { root.dataset.waits = ""; note.textContent = "Reading the history…" }, SIGN_MILLISECONDS)
    model.send_msg({...wanted, request, width_pixels: axis.width, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC"})
  }

  // `byHand`: the axis is there already.
  function look(after, before, byHand = false) {
    if (before - after >= SHORTEST_SECONDS) want({kind: "fixed", after: Math.max(0, after), before, by_hand: byHand})
  }

  function move(by, scale) {
    if (!axis.window) return
    const [after, before] = axis.window, now = Date.now() / 1000, span = Math.max(SHORTEST_SECONDS, (before - after) * scale)
    const end = Math.min((after + before) / 2 + by * (before - after) + span / 2, Math.max(now, before))
    look(end - span, end)
  }

  function open(isOpen) {
    dates.setAttribute("aria-expanded", String(isOpen))
    form.form.hidden = !isOpen
    if (isOpen) { form.fill(axis.window ?? [Date.now() / 1000 - seconds, Date.now() / 1000]); form.focus() }
  }

  function renew() {
    const shown = model.shown
    if (shown.kind === "live") seconds = shown.seconds ?? seconds
    if (shown.request >= request) {
      haveRead()
      delete root.dataset.waits
      note.textContent = noteOf(shown, windows.find((one) => one.length === (shown.seconds ?? seconds)).label)
      note.title = [...new Set(shown.strips.map(({cause, meaning}) => `${cause}: ${meaning}`))].join("\n")
    }
    clearTimeout(address)
    address = setTimeout(tellAddress, ADDRESS_MILLISECONDS)
    root.dataset.state = shown.trouble ? "trouble" : shown.kind
    live.textContent = isLive() ? "Live" : "Back to live"
    pressed(live, isLive())
    for (const one of windows) pressed(one.made, one.kind === shown.kind && one.length === (shown.seconds ?? seconds))
    forward.disabled = shown.kind !== "fixed"
    if (isLive()) axis.follow()
    else if (!shown.trouble && !shown.by_hand && !axis.isMoving && shown.request >= request) axis.show(shown.after, shown.before)
  }

  function tellAddress() {
    const {kind, after, before, seconds: length} = model.shown, exact = (t) => before - after > 3600 ? Math.round(t) : t.toFixed(1)
    putInAddress({
      live: kind === "live" && length !== model.live[0][0] ? length : "", last: kind === "last" ? length : "",
      after: kind === "fixed" ? exact(after) : "", before: kind === "fixed" ? exact(before) : "",
    })
  }

  function pause() {
    if (!isLive() || axis.isMoving) want({kind: "live", seconds})
    else if (axis.window) look(...axis.window, true)
  }

  const heard = {
    "vain-follow": () => { if (!isLive() || axis.isMoving) want({kind: "live", seconds}) },
    "vain-reset": () => want({kind: "live", seconds: model.live[0][0]}),
    "vain-pause": pause,
    "vain-window": ({detail: {after, before}}) => look(after - (before - after) * ROOM, before + (before - after) * ROOM),
  }
  for (const [name, does] of Object.entries(heard)) addEventListener(name, does)
  model.on("shown", renew)
  view.range_teardown = () => {
    axis.remove()
    haveRead()
    clearTimeout(address)
    for (const [name, does] of Object.entries(heard)) removeEventListener(name, does)
    model.off("shown", renew)
  }
  model.on("remove", view.range_teardown)
  renew()
  return root
}
