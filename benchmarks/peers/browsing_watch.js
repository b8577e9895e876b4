// Runs in the page before the page does: notes when a hand did something, what travelled, what changed and what was painted.
// All times are performance.now() of the page, in milliseconds.
(() => {
  const noted = window.browsing = {inputs: [], asked: [], received: [], moved: [], shown: [], rows: [], lanes: [], charts: [], frames: []}

  // The time stamp of an event is when the browser got it, not when the page was told.
  for (const name of ["wheel", "keydown", "pointermove", "pointerup"])
    addEventListener(name, (event) => { if (name !== "pointermove" || event.buttons) noted.inputs.push(event.timeStamp) }, {capture: true, passive: true})

  const Socket = window.WebSocket
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given)
      this.addEventListener("message", ({data}) => noted.received.push([performance.now(), data.byteLength ?? data.length ?? data.size]))
    }
    send(data) {
      const request = typeof data === "string" && /"request"[:,](\d+)/.exec(data)
      if (request) noted.asked.push([performance.now(), Number(request[1])])
      super.send(data)
    }
  }

  // A frame is over when the task after it runs; `charts` are those in which a chart drew, `frames` those after a change.
  const noter = (list) => {
    const channel = new MessageChannel()
    let began = null
    channel.port1.onmessage = () => { list.push([began, performance.now()]); began = null }
    // Under load the next frame may begin before that task: then it is the newest that is over.
    return () => {
      if (began === null) channel.port2.postMessage(null)
      began = performance.now()
    }
  }
  const drawn = noter(noted.charts), framed = noter(noted.frames)
  const clear = CanvasRenderingContext2D.prototype.clearRect
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    drawn()
    return clear.apply(this, box)
  }
  const changed = () => requestAnimationFrame(framed)

  function attach() {
    const models = [...window.Bokeh?.documents?.[0]?._all_models?.values() ?? []]
    const has = (name, test) => models.find((one) => one.data?.attributes?.[name] !== undefined && test(one.data.attributes[name]))
    const source = models.find((one) => one.data?.t && one.data["cpu.percent"])
    const range = has("shown", (shown) => shown.request !== undefined), timeline = has("lanes", () => true)
    const axis = models.find((one) => one.name === "time" && one.follow !== undefined)
    if (!range || !source || !axis || !axis.linked_plots?.size) { setTimeout(attach, 50); return }
    const now = () => performance.now()
    axis.change.connect(() => { noted.moved.push([now(), axis.start, axis.end]); changed() })
    range.data.properties.shown.change.connect(() => { const {request, kind, trouble} = range.data.shown; noted.shown.push([now(), request, kind, trouble]); changed() })
    source.properties.data.change.connect(() => { noted.rows.push(now()); changed() })
    timeline?.data.properties.lanes.change.connect(() => { const {after, before} = timeline.data.lanes; noted.lanes.push([now(), after, before]); changed() })
    noted.axis = () => [axis.start / 1000, axis.end / 1000]
    noted.isReady = true
  }
  addEventListener("DOMContentLoaded", attach)
})()
