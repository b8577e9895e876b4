// The table of hosts: only the rows in view are drawn, and they are changed in place. What is sorted by moves a row now and then only, or nobody could read.
const ROW_PIXELS = 38, MARGIN_ROWS = 8, ORDER_MILLISECONDS = 5000, TYPE_MILLISECONDS = 200, CLOCK_MILLISECONDS = 5000
const WORST = {key: "state", direction: -1}

function orderOf(text) {
  const key = (text ?? "").replace("-", "")
  return COLUMNS.some((column) => column.key === key) ? {key, direction: text.startsWith("-") ? -1 : 1} : WORST
}

export function render({model, view}) {
  view.fleet_teardown?.()
  const words = new URLSearchParams(location.search), rows = new Map(), lines = new Map()
  let order = orderOf(words.get("sort")), shown = [], orderedAt = 0, ahead = 0, typing = null, frame = 0, isHeld = false, columns = COLUMNS
  const title = make("h2", "", "Hosts"), filter = Object.assign(make("input"), {type: "search", placeholder: "Filter by name", maxLength: 63, value: (words.get("q") ?? "").slice(0, 63)}), count = make("span", "count")
  filter.setAttribute("aria-label", "Filter the hosts by name")
  count.setAttribute("role", "status")
  const head = make("tr"), body = make("tbody"), above = make("tr", "room"), below = make("tr", "room"), table = make("table", "", make("thead", "", head), body), scroll = make("div", "scroll", table), none = make("p", "none")
  const root = make("div", "fleet", make("div", "head", title, count, filter), scroll, none)
  for (const room of [above, below]) room.setAttribute("aria-hidden", "true")
  scroll.tabIndex = 0
  scroll.setAttribute("role", "region")
  for (const named of [scroll, table]) named.setAttribute("aria-label", "Hosts")
  body.append(above, below)

  const headings = COLUMNS.map((column) => {
    const button = make("button"), cell = make("th", `${column.key}${column.isNumber ? " number" : ""}`, button)
    cell.scope = "col"
    button.type = "button"
    if (column.help) button.title = column.help
    button.onclick = () => {
      order = {key: column.key, direction: order.key === column.key ? -order.direction : column.first}
      putInAddress({sort: order.key === WORST.key && order.direction === WORST.direction ? "" : `${order.direction < 0 ? "-" : ""}${order.key}`})
      arrange()
    }
    head.append(cell)
    return {cell, button, column}
  })

  const now = () => Date.now() / 1000 + ahead

  function line(row) {
    let known = lines.get(row.name)
    if (!known) {
      const cells = COLUMNS.map((column) => [column, makeCell(column)])
      known = {item: make("tr", "host", ...cells.map(([, cell]) => cell)), cells}
      known.item.dataset.host = row.name
      lines.set(row.name, known)
    }
    for (const [column, cell] of known.cells) if (columns.includes(column)) fillCell(cell, column, row, now())
    known.item.dataset.silent = row.isSilent
    return known.item
  }

  // Of all rows that are shown, those in view and a few around them.
  function draw() {
    frame = 0
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW_PIXELS) - MARGIN_ROWS), last = Math.min(shown.length, Math.ceil((scroll.scrollTop + scroll.clientHeight) / ROW_PIXELS) + MARGIN_ROWS)
    const wanted = shown.slice(first, last), names = new Set(wanted.map((row) => row.name))
    for (const [name, {item}] of lines) if (!names.has(name)) { item.remove(); lines.delete(name) }
    let place = above
    wanted.forEach((row, at) => {
      const item = line(row)
      item.setAttribute("aria-rowindex", String(first + at + 2))
      if (place.nextSibling !== item) place.after(item)
      place = item
    })
    above.style.height = `${first * ROW_PIXELS}px`
    below.style.height = `${Math.max(0, shown.length - last) * ROW_PIXELS}px`
  }

  const drawSoon = () => { frame ||= requestAnimationFrame(draw) }

  function tell() {
    const silent = [...rows.values()].filter((row) => row.isSilent).length, all = `${rows.size.toLocaleString()} host${rows.size === 1 ? "" : "s"}`
    const parts = [filter.value.trim() ? `${shown.length.toLocaleString()} of ${all}` : all, ...(silent ? [`${silent.toLocaleString()} silent`] : [])]
    setText(count, parts.join(" · "))
    count.dataset.look = silent ? "warning" : ""
    none.hidden = shown.length > 0 || !rows.size
    setText(none, "No host has this in its name.")
    scroll.hidden = !shown.length
  }

  function arrange() {
    orderedAt = Date.now()
    const text = filter.value.trim().toLowerCase()
    shown = [...rows.values()].filter((row) => row.name.toLowerCase().includes(text)).sort(comparing(order))
    columns = COLUMNS.filter((column) => !column.some || column.key === order.key || [...rows.values()].some((row) => column.of(row) != null))
    for (const {cell, button, column} of headings) {
      const isChosen = column.key === order.key
      setText(button, column.title + (isChosen ? (order.direction > 0 ? " ↑" : " ↓") : ""))
      if (isChosen) cell.setAttribute("aria-sort", order.direction > 0 ? "ascending" : "descending"); else cell.removeAttribute("aria-sort")
      table.toggleAttribute(`data-no-${column.key}`, !columns.includes(column))
    }
    table.setAttribute("aria-rowcount", String(shown.length + 1))
    tell()
    draw()
  }

  // While somebody points at a row or stands in it, no row goes away from there.
  const isBusy = () => isHeld || body.contains(root.getRootNode().activeElement)

  function receive(event) {
    const told = JSON.parse((event.data ?? event).told)
    ahead = told.now - Date.now() / 1000
    const isNew = told.gone.length > 0 || told.rows.some((values) => !rows.has(values[0])), spoke = new Map([...rows.values()].map((row) => [row.name, row.isSilent]))
    for (const name of told.gone) rows.delete(name)
    for (const values of told.rows) rows.set(values[0], rowOf(values))
    const turned = told.rows.some((values) => spoke.get(values[0]) !== values[2])
    if (isNew || turned || (!isBusy() && Date.now() - orderedAt >= ORDER_MILLISECONDS)) return arrange()
    shown = shown.map((row) => rows.get(row.name))
    draw()
  }

  filter.oninput = () => {
    clearTimeout(typing)
    typing = setTimeout(() => { putInAddress({q: filter.value.trim()}); scroll.scrollTop = 0; arrange() }, TYPE_MILLISECONDS)
  }
  scroll.addEventListener("scroll", drawSoon, {passive: true})
  body.addEventListener("pointerenter", () => { isHeld = true })
  body.addEventListener("pointerleave", () => { isHeld = false })
  const seen = new ResizeObserver(drawSoon)
  seen.observe(scroll)
  const clock = setInterval(() => { if (!document.hidden) drawSoon() }, CLOCK_MILLISECONDS)
  model.on("msg:custom", receive)
  view.fleet_teardown = () => {
    clearInterval(clock)
    clearTimeout(typing)
    cancelAnimationFrame(frame)
    seen.disconnect()
    model.off("msg:custom", receive)
  }
  model.on("remove", view.fleet_teardown)
  arrange()
  model.send_msg({ready: true})
  return root
}
