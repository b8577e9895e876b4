// What mouse, fingers and keys do: move the axis, look at a moment, choose a stretch.
const SLACK_PIXELS = 4, WHEEL_ZOOM = 0.0016, KEY_ZOOM = 1.6, CLICK_PIXELS = 4, LEAST_MOMENT_SECONDS = 2.5

function makeHand(stage, lanes, cross, explain) {
  const touching = new Map(), targets = [cross.over, lanes.field]
  let drag = null, pinch = null, isBrush = false, wasDragged = false

  const timeAt = (clientX) => {
    const frame = stage.frame, [after, before] = stage.window
    return after + (clientX - stage.container.getBoundingClientRect().left - frame.left) / frame.width * (before - after)
  }

  function zoom(scale, about) {
    const [after, before] = stage.window, centre = about ?? (after + before) / 2
    stage.move(centre - (centre - after) * scale, centre + (before - centre) * scale, about == null)
  }

  function pan(share, isStep) {
    const [after, before] = stage.window, by = (before - after) * share
    stage.move(after + by, before + by, isStep)
  }

  function wheel(event) {
    if (!stage.isReady) return
    const pixels = event.deltaMode === 1 ? 33 : 1
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(event.deltaY * pixels * WHEEL_ZOOM), timeAt(event.clientX))
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX || event.deltaY) * pixels / stage.frame.width, false)
    else return
    event.preventDefault()
  }

  function down(event) {
    if (!stage.isReady || event.button !== 0) return
    touching.set(event.pointerId, event.clientX)
    wasDragged = false
    if (touching.size === 2) { drag = null; pinch = {points: [...touching.values()], window: stage.window}; return }
    drag = {x: event.clientX, window: stage.window, isBrush: isBrush || event.shiftKey, pointer: event.pointerId, target: event.currentTarget}
  }

  function move(event) {
    if (!stage.isReady) return
    if (touching.has(event.pointerId)) touching.set(event.pointerId, event.clientX)
    if (pinch && touching.size === 2) { movePinch(); return }
    if (!drag || drag.pointer !== event.pointerId) {
      if (event.pointerType === "mouse") cross.at(timeAt(event.clientX))
      return
    }
    if (!wasDragged && Math.abs(event.clientX - drag.x) < SLACK_PIXELS) return
    if (!wasDragged) { wasDragged = true; drag.target.setPointerCapture(drag.pointer) }
    if (drag.isBrush) {
      cross.choose(...[timeAt(drag.x), timeAt(event.clientX)].sort((a, b) => a - b))
      cross.at(timeAt(event.clientX))
    } else {
      const [after, before] = drag.window, by = (drag.x - event.clientX) / stage.frame.width * (before - after)
      cross.at(null)
      stage.move(after + by, before + by)
    }
  }

  function movePinch() {
    const [a, b] = pinch.points, [c, d] = touching.values(), [after, before] = pinch.window
    const frame = stage.frame, left = stage.container.getBoundingClientRect().left + frame.left
    const scale = Math.abs(a - b) / Math.max(10, Math.abs(c - d)), centre = after + ((a + b) / 2 - left) / frame.width * (before - after)
    const span = (before - after) * scale, begin = centre - ((c + d) / 2 - left) / frame.width * span
    wasDragged = true
    stage.move(begin, begin + span)
  }

  function up(event) {
    touching.delete(event.pointerId)
    if (pinch) { if (!touching.size) pinch = null; return }
    if (!drag || drag.pointer !== event.pointerId) return
    const {isBrush: chose, x} = drag
    drag = null
    if (event.type === "pointercancel") { if (chose) cross.choose(null); return }
    if (wasDragged && chose) explain(...cross.selection)
    else if (!wasDragged && !isOnLink(event)) explainMoment(timeAt(x))
  }

  const isOnLink = (event) => event.composedPath().some((one) => one.tagName === "A")

  function explainMoment(t) {
    const [after, before] = stage.window, half = Math.max(LEAST_MOMENT_SECONDS, CLICK_PIXELS * (before - after) / stage.frame.width / 2)
    explain(t - half, t + half)
  }

  // A drag that began on a task must not open it.
  function click(event) { if (wasDragged) { event.preventDefault(); event.stopPropagation(); wasDragged = false } }

  function follow() { dispatchEvent(new CustomEvent("vain-follow")) }

  const KEYS = {
    ArrowLeft: (event) => pan(event.shiftKey ? -1 : -0.25, true),
    ArrowRight: (event) => pan(event.shiftKey ? 1 : 0.25, true),
    "+": () => zoom(1 / KEY_ZOOM),
    "=": () => zoom(1 / KEY_ZOOM),
    "-": () => zoom(KEY_ZOOM),
    "_": () => zoom(KEY_ZOOM),
    "0": () => dispatchEvent(new CustomEvent("vain-reset")),
    " ": () => dispatchEvent(new CustomEvent("vain-pause")),
    ",": () => step(-1),
    ".": () => step(1),
    Enter: () => { if (cross.moment == null) return false; explainMoment(cross.moment) },
    Escape: () => { cross.at(null); dispatchEvent(new CustomEvent("vain-unexplain")) },
  }

  function step(by) {
    const [after, before] = stage.window, size = (before - after) / 100
    cross.at(Math.min(before, Math.max(after, (cross.moment ?? before - size * (by > 0 ? 100 : 0)) + by * size)))
  }

  function key(event) {
    const [target] = event.composedPath(), does = KEYS[event.key]
    if (!does || !stage.isReady || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    if (target.closest?.("input, textarea, select, [contenteditable], dialog")) return
    if ((event.key === " " || event.key === "Enter") && target.closest?.("a, button, summary")) return
    if (event.key.startsWith("Arrow") && target.matches?.("[tabindex='0']") && target.scrollWidth > target.clientWidth) return
    if (does(event) !== false) event.preventDefault()
  }

  for (const target of targets) {
    target.addEventListener("wheel", wheel, {passive: false})
    target.addEventListener("pointerdown", down)
    target.addEventListener("pointermove", move)
    target.addEventListener("pointerup", up)
    target.addEventListener("pointercancel", up)
    target.addEventListener("pointerleave", () => { if (!drag) cross.at(null) })
    target.addEventListener("click", click, true)
    target.addEventListener("dblclick", (event) => { if (!isOnLink(event)) follow() })
  }
  addEventListener("keydown", key)
  return {
    set isBrush(value) { isBrush = value },
    remove() { removeEventListener("keydown", key) },
  }
}
