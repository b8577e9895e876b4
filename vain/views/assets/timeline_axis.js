// The one time axis and the figures that share it, and where both are on the page.
const FIND_MILLISECONDS = 50
const LEAST_MILLISECONDS = 2000, MOST_MILLISECONDS = 20 * 366 * 86400000

// `found` is called when the axis and all figures are there; `moved` whenever the axis or the layout changed.
function makeStage(model, host, found, moved) {
  let axis = null, plots = [], search = null, frame = null, sizes = null, measured = null
  const container = host.closest(".views") ?? host.parentElement
  const model_of = (name) => (window.Bokeh?.documents ?? []).map((one) => one.get_model_by_id(name)).find(Boolean) ?? null
  const view_of = (name) => { const one = model_of(name); return one && window.Bokeh.index.find_one(one) }

  function find() {
    const views = model.tracks.map((track) => view_of(track.figure))
    axis = model_of(model.axis)
    if (axis === null || views.some((view) => !view?.frame?.bbox?.width)) { search = setTimeout(find, FIND_MILLISECONDS); return }
    plots = views.map((view, index) => ({view, track: model.tracks[index]}))
    axis.change.connect(renew)
    sizes = new ResizeObserver(() => { measured = null; renew() })
    for (const element of [container, host, ...plots.map(({view}) => view.el)]) sizes.observe(element)
    found()
    renew()
  }

  function renew() {
    if (frame === null) frame = requestAnimationFrame(() => { frame = null; moved() })
  }

  // Where the figures are in the container: asking the browser makes it lay out the page, so it is asked only when a size has changed.
  function measure() {
    const outer = container.getBoundingClientRect(), boxes = plots.map(({view}) => view.el.getBoundingClientRect())
    return {left: boxes[0].left - outer.left, boxes: boxes.map((box) => ({top: box.top - outer.top, bottom: box.bottom - outer.top}))}
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
      measured ??= measure()
      const box = plots[0].view.frame.bbox
      return {left: measured.left + box.left, width: box.width}
    },
    // Top and bottom of each figure, in pixels from the top of the container.
    get boxes() { return plots.length ? (measured ??= measure()).boxes : [] },
    // `isStep`: one step, such as that of a key, and not a part of a movement that goes on.
    move(after, before, isStep = false) {
      if (!this.isReady) return
      const middle = (after + before) / 2 * 1000, span = Math.min(MOST_MILLISECONDS, Math.max(LEAST_MILLISECONDS, (before - after) * 1000))
      const start = Math.max(0, middle - span / 2)
      // A data range that a hand has moved does not follow its data.
      axis.have_updated_interactively = true
      axis.isStep = isStep
      axis.setv({start, end: start + span})
      axis.isStep = false
    },
    hold() { if (axis) { axis.have_updated_interactively = true; axis.change.emit() } },
    remove() { clearTimeout(search); cancelAnimationFrame(frame); axis?.change.disconnect(renew); sizes?.disconnect() },
  }
}
