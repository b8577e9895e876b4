// The axis that all charts share. It is Bokeh's model; only the browser moves it.
const REST_MILLISECONDS = 30
const PAUSE_MILLISECONDS = 300
const LOOK_MILLISECONDS = 50

// Calls `moved` at once after a step, such as that of a key; after a drag or the wheel when the hand rests, and now and then while it goes on: what
// came for a window that is left already would be drawn for nothing, and hold up what is wanted. `found` is called when the axis is there.
function makeAxis(name, moved, found) {
  let axis = null, timer = null, search = null, isOurs = false, began = null, told = -PAUSE_MILLISECONDS
  const tell = () => { timer = began = null; told = performance.now(); moved() }
  const changed = () => {
    if (isOurs || !axis.have_updated_interactively) return
    clearTimeout(timer)
    const now = performance.now()
    began ??= now
    // Keys that are held down come as a movement, too.
    if (axis.isStep ? now - told >= PAUSE_MILLISECONDS : now - began >= PAUSE_MILLISECONDS) tell()
    else timer = setTimeout(tell, REST_MILLISECONDS)
  }
  const find = () => {
    axis = (window.Bokeh?.documents ?? []).map((one) => one.get_model_by_id(name)).find(Boolean) ?? null
    if (axis === null) { search = setTimeout(find, LOOK_MILLISECONDS); return }
    axis.change.connect(changed)
    found()
  }
  // Not at once: whoever makes this has not finished yet.
  search = setTimeout(find)
  return {
    get isMoving() { return timer !== null },
    // In Unix seconds; null before anything was drawn.
    get window() { return axis && Number.isFinite(axis.start) && axis.end > axis.start ? [axis.start / 1000, axis.end / 1000] : null },
    get width() { return Math.max(1, ...[...axis?.linked_plots ?? []].map((plot) => plot.frame?.bbox.width ?? 1)) },
    rest() { clearTimeout(timer); timer = began = null },
    show(after, before) {
      if (axis === null) return
      isOurs = true
      // A data range that a hand has moved does not follow its data.
      axis.have_updated_interactively = true
      axis.setv({start: after * 1000, end: before * 1000})
      isOurs = false
    },
    follow() {
      if (axis === null || !axis.have_updated_interactively) return
      axis.have_updated_interactively = false
      for (const plot of axis.linked_plots) plot.reset()
    },
    remove() { clearTimeout(timer); clearTimeout(search); axis?.change.disconnect(changed) },
  }
}
