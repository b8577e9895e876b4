// The one time axis and the figures that share it, and where both are on the page.
const FIND_MILLISECONDS = 50
const LEAST_MILLISECONDS = 2000, MOST_MILLISECONDS = 20 * 366 * 86400000

// `found` is called when the axis and all figures are there; `moved` whenever the axis or the layout changed.
function makeStage(model, host, found, moved) {
  let axis = null, plots = [], search = null, frame = null, sizes = null
  const container = host.closest(".views") ?? host.parentElement
  const model_of = (name) => (window.Bokeh?.documents ?? []).map((one) => one.get_model_by_id(name)).find(Boolean) ?? null
  const view_of = (name) => { const one = model_of(name); return one && window.Bokeh.index.find_one(one) }

  function find() {
    const views = model.tracks.map((track) => view_of(track.figure))
    axis = model_of(model.axis)
    if (axis === null || views.some((view) => !view?.frame?.bbox?.width)) { search = setTimeout(find, FIND_MILLISECONDS); return }
    plots = views.map((view, index) => ({view, track: model.tracks[index]}))
    axis.change.connect(renew)
    sizes = new ResizeObserver(renew)
    for (const {view} of plots) sizes.observe(view.el)
    found()
    renew()
  }

  function renew() {
    if (frame === null) frame = requestAnimationFrame(() => { frame = null; moved() })
  }

  search = setTimeout(find)
  return {
    container,
    model_of,
    renew,
    get plots() { return plots },
    get isReady() { return plots.length > 0 && Number.isFinite(axis.start) && axis.end > axis.start },
    // In Unix seconds.
    get window() { return this.isReady ? [axis.start / 1000, axis.end / 1000] : null },
    // Of the part in which something is drawn, in pixels from the left of the container.
    get frame() {
      if (!plots.length) return null
      const {view} = plots[0], box = view.frame.bbox
      return {left: view.el.getBoundingClientRect().left - container.getBoundingClientRect().left + box.left, width: box.width}
    },
    move(after, before) {
      if (!this.isReady) return
      const middle = (after + before) / 2 * 1000, span = Math.min(MOST_MILLISECONDS, Math.max(LEAST_MILLISECONDS, (before - after) * 1000))
      const start = Math.max(0, middle - span / 2)
      // A data range that a hand has moved does not follow its data.
      axis.have_updated_interactively = true
      axis.setv({start, end: start + span})
    },
    hold() { if (axis) { axis.have_updated_interactively = true; axis.change.emit() } },
    remove() { clearTimeout(search); cancelAnimationFrame(frame); axis?.change.disconnect(renew); sizes?.disconnect() },
  }
}
