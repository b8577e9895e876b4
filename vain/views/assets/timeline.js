// Lanes, crosshair and hand put together; what a person filters goes to the server, what is filtered comes back.
const TYPE_MILLISECONDS = 250, CLOCK_MILLISECONDS = 1000
const SHOWS = [["", "All tasks"], ["in-progress", "Running"], ["pending", "Pending"], ["completed", "Completed"], ["succeeded", "Succeeded"], ["failed", "Failed"],
  ["crashed", "Crashed"], ["timed-out", "Timed out"], ["cancelled", "Cancelled"]]
const KEYS = [["← →", "Move the window; with Shift by all of it"], ["+ −", "Zoom in and out"], ["Space", "Stop the moving charts, or follow again"], ["0", "Back to the live start"],
  [", .", "Move the crosshair"], ["Enter", "What did that, at the crosshair"], ["Shift, drag", "What did that, in a stretch"], ["Ctrl, wheel", "Zoom at the pointer"]]

function makeTools(model, choose) {
  const text = make("input"), show = make("select"), note = make("span", "note"), alerts = make("a", "alerts"), brush = make("button", "brush", "Select"), tools = make("div", "tools")
  Object.assign(text, {type: "search", placeholder: "Filter tasks", value: model.chosen.text ?? "", maxLength: 200})
  text.setAttribute("aria-label", "Filter the tasks of the timeline")
  show.setAttribute("aria-label", "Which tasks are shown")
  show.append(...SHOWS.map(([value, label]) => Object.assign(make("option", "", label), {value})))
  show.value = model.chosen.show ?? ""
  note.setAttribute("role", "status")
  Object.assign(alerts, {href: "./alerts", title: "Rules that fired in this window", hidden: true})
  brush.type = "button"
  brush.title = "Drag to choose a stretch and see what used the machine then (or hold Shift while you drag)"
  brush.setAttribute("aria-pressed", "false")
  let typing = null
  const send = () => choose({text: text.value, show: show.value})
  text.oninput = () => { clearTimeout(typing); typing = setTimeout(send, TYPE_MILLISECONDS) }
  show.onchange = send
  tools.append(note, alerts, brush, text, show)
  return {tools, brush, note, alerts, remove() { clearTimeout(typing) }}
}

export function render({model, view, el}) {
  // Bokeh may draw a view again: what the drawing before set up has to go first.
  view.timeline_teardown?.()
  const host = el.getRootNode().host ?? el
  const told = {lanes: {}, get looks() { return model.looks }, get chosen() { return model.chosen }, get shown() { return model.shown }}
  const stage = makeStage(model, host, begin, () => { lanes.place(); cross.place() })
  const lanes = makeLanes(told, stage), cross = makeCross(model, stage, lanes)
  const bar = makeTools(model, (chosen) => {
    model.chosen = chosen
    putInAddress({q: chosen.text, show: chosen.show})
    model.send_msg(chosen)
  })
  let hand = null
  const clock = setInterval(() => { if (!document.hidden && model.shown.kind !== "fixed") lanes.tick() }, CLOCK_MILLISECONDS)

  function begin() {
    cross.attach()
    hand = makeHand(stage, lanes, cross, (after, before) => {
      cross.choose(after, before)
      dispatchEvent(new CustomEvent("vain-explain", {detail: {after, before}}))
    })
    bar.brush.onclick = () => {
      const is = bar.brush.getAttribute("aria-pressed") !== "true"
      bar.brush.setAttribute("aria-pressed", String(is))
      hand.isBrush = is
    }
  }

  function renew() {
    told.lanes = model.lanes ? JSON.parse(model.lanes) : {}
    lanes.renew()
    const {total, left_out: out} = told.lanes, drawn = total - out
    setText(bar.note, model.trouble || (total == null ? "" : out ? `${drawn.toLocaleString()} of ${total.toLocaleString()} tasks drawn` : `${total.toLocaleString()} task${total === 1 ? "" : "s"}`))
    bar.note.dataset.state = model.trouble ? "trouble" : ""
  }

  function renewFired() {
    const fired = JSON.parse(model.fired), many = fired.length
    bar.alerts.hidden = !many
    setText(bar.alerts, `${many} alert${many === 1 ? "" : "s"}`)
    cross.renewFired(fired)
  }

  const chosen = ({detail}) => cross.choose(detail?.after ?? null, detail?.before)
  const shown = () => { cross.tell(); stage.renew() }
  addEventListener("vain-explained", chosen)
  model.on("lanes", renew)
  model.on("fired", renewFired)
  model.on("trouble", renew)
  model.on("shown", shown)
  view.timeline_teardown = () => {
    clearInterval(clock)
    removeEventListener("vain-explained", chosen)
    model.off("lanes", renew)
    model.off("fired", renewFired)
    model.off("trouble", renew)
    model.off("shown", shown)
    bar.remove()
    hand?.remove()
    cross.remove()
    stage.remove()
  }
  model.on("remove", view.timeline_teardown)
  window.vainKeys = KEYS
  renew()
  renewFired()
  return make("div", "timeline", bar.tools, lanes.root)
}
