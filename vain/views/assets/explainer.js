// What used the machine in the stretch that was chosen. Everything that comes from the server is set as text.
const READING_MILLISECONDS = 250, MOST_PROCESSES = 8, WORDS = {tasks: "Tasks", processes: "Processes", changed: "What changed"}
const HINT = "Click any moment of the timeline, or hold Shift and drag over a stretch, to see what used the machine then."

const percentOf = (share) => share == null ? "–" : share < 0.0005 && share > 0 ? "< 0.1 %" : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
const bytes = (value) => amountOf(value, "bytes")
const seconds = (value) => value == null ? "–" : value >= 90 ? lengthOf(Math.round(value)) : `${value.toFixed(1)} s`

function valueOf(value, unit) {
  if (value == null) return "–"
  if (unit === "percent") return amountOf(value, "%")
  if (unit === "bytes") return bytes(value)
  if (unit === "bytes_per_second") return amountOf(value, "bytes/s")
  if (unit === "seconds") return seconds(value)
  if (unit === "celsius") return `${value.toFixed(1)} °C`
  return value.toLocaleString(undefined, {maximumFractionDigits: value < 100 ? 2 : 0}) + (unit === "per_second" ? " /s" : "")
}

function table(caption, columns, rows, none) {
  const section = make("section", "", make("h3", "", caption))
  if (!rows.length) { section.append(make("p", "none", none)); return section }
  const head = make("tr"), body = make("tbody")
  for (const [title, , isNumber] of columns) {
    const cell = make("th", isNumber ? "number" : "", title)
    cell.scope = "col"
    head.append(cell)
  }
  for (const row of rows) body.append(make("tr", "", ...columns.map(([, tell, isNumber]) => make("td", isNumber ? "number" : "", tell(row)))))
  const box = make("div", "scroll", make("table", "", make("thead", "", head), body))
  box.tabIndex = 0
  box.setAttribute("role", "region")
  box.setAttribute("aria-label", caption)
  section.append(box)
  return section
}

function taskLink(task_id, name) {
  const link = make("a", "", name)
  link.href = `./task?id=${task_id}`
  return link
}

function processOf({name, pid, task_id}) {
  const told = make("span", "", `${name} `, make("small", "", String(pid)))
  if (task_id != null) told.append(" ", taskLink(task_id, `#${task_id}`))
  return told
}

function shareBar(share) {
  const bar = make("span", "share", make("span", "fill"), make("span", "", percentOf(share)))
  bar.firstChild.style.width = `${Math.min(100, (share ?? 0) * 100)}%`
  return bar
}

function headlineOf(told, metrics) {
  const label = (metrics.find(([name]) => name === told.metric) ?? [told.metric, told.metric])[1]
  const known = told.tasks.filter(({share}) => share != null && share >= 0.005).slice(0, 3)
  const parts = known.map(({name, share}) => `${name} ${percentOf(share)}`)
  const rest = told.unattributed?.share
  if (rest != null) parts.push(`${parts.length ? "the rest" : "no task"} ${percentOf(rest)}`)
  return [`${label} ${valueOf(told.value, told.unit)}`, parts.join(" · ")]
}

export function render({model, view, el}) {
  view.explainer_teardown?.()
  const open = (is) => el.getRootNode().host?.closest("section")?.toggleAttribute("data-open", is)
  let request = 0, waits = null, read = null, chosen = null, metric = model.metrics[0][0]
  const span = make("strong"), value = make("span", "value"), who = make("span", "who"), hint = make("p", "hint", HINT), body = make("div", "body"), notes = make("p", "notes")
  const close = Object.assign(make("button", "", "Close"), {type: "button", onclick: () => leave()})
  const zoom = Object.assign(make("button", "", "Zoom to it"), {type: "button", onclick: () => dispatchEvent(new CustomEvent("vain-window", {detail: chosen}))})
  const kinds = make("div", "kinds", ...model.metrics.map(([name, label]) => Object.assign(make("button", "", label), {type: "button", onclick: () => { metric = name; ask() }})))
  kinds.setAttribute("role", "group")
  kinds.setAttribute("aria-label", "Rank by")
  const line = make("div", "line", span, value, who)
  line.setAttribute("role", "status")
  const title = make("h2", "", "What did that?"), head = make("div", "head", line, make("div", "tools", kinds, zoom, close)), panel = make("div", "panel", head, notes, body), root = make("div", "explainer", make("div", "lead", title, hint), panel)
  panel.hidden = true

  function haveRead() {
    clearTimeout(waits)
    delete root.dataset.waits
    read?.()
    read = null
  }

  function ask() {
    request += 1
    clearTimeout(waits)
    read ??= showBusy()
    waits = setTimeout(() => { root.dataset.waits = "" }, READING_MILLISECONDS)
    model.send_msg({...chosen, metric, request})
    for (const [index, [name]] of model.metrics.entries()) kinds.children[index].setAttribute("aria-pressed", String(name === metric))
  }

  function choose({detail}) {
    chosen = {after: detail.after, before: detail.before}
    hint.parentElement.hidden = true
    open(true)
    panel.hidden = false
    setText(span, spanOf(atSeconds(chosen.after), atSeconds(chosen.before), chosen.before - chosen.after < 600 ? 1 : 60))
    dispatchEvent(new CustomEvent("vain-explained", {detail: chosen}))
    putInAddress({from: chosen.after.toFixed(1), to: chosen.before.toFixed(1)})
    ask()
  }

  function leave() {
    chosen = null
    request += 1
    haveRead()
    panel.hidden = true
    hint.parentElement.hidden = false
    open(false)
    dispatchEvent(new CustomEvent("vain-explained", {detail: null}))
    putInAddress({from: "", to: ""})
  }

  function renew() {
    const told = JSON.parse(model.told || "{}")
    if (!chosen || told.request !== request) return
    haveRead()
    panel.hidden = false
    const [amount, words] = headlineOf(told, model.metrics)
    setText(value, amount)
    setText(who, words)
    notes.replaceChildren(...(told.notes ?? []).map((text) => make("span", "", text)))
    const taskColumns = [["Task", (row) => taskLink(row.task_id, row.name)], ["Share", (row) => shareBar(row.share)], ["CPU", (row) => seconds(row.cpu_seconds), true],
      ["Peak memory", (row) => bytes(row.memory_peak_bytes), true], ["Read", (row) => bytes(row.read_bytes), true], ["Written", (row) => bytes(row.written_bytes), true]]
    const processColumns = [["Process", (row) => processOf(row)], ["CPU", (row) => amountOf(row.cpu_percent, "%"), true],
      ["Memory", (row) => bytes(row.memory_bytes), true], ["I/O", (row) => amountOf(row.bytes_per_second, "bytes/s"), true]]
    const changeColumns = [["Metric", (row) => row.label ?? row.metric], ["Before", (row) => valueOf(row.before, row.unit), true], ["Now", (row) => valueOf(row.now, row.unit), true]]
    body.replaceChildren(
      table(WORDS.tasks, taskColumns, told.tasks, "No task ran then. Start work with vain run, and the next spike has a name."),
      table(WORDS.processes, processColumns, told.processes.slice(0, MOST_PROCESSES), "No look at the processes is kept for this stretch."),
      table(WORDS.changed, changeColumns, told.changed, "Nothing changed much against the time just before."))
  }

  function fail() {
    if (model.trouble.request !== request) return
    haveRead()
    notes.replaceChildren(make("span", "trouble", model.trouble.detail))
    setText(value, "")
    setText(who, "")
    body.replaceChildren()
  }

  addEventListener("vain-explain", choose)
  addEventListener("vain-unexplain", leave)
  model.on("told", renew)
  model.on("trouble", fail)
  view.explainer_teardown = () => {
    haveRead()
    removeEventListener("vain-explain", choose)
    removeEventListener("vain-unexplain", leave)
    model.off("told", renew)
    model.off("trouble", fail)
  }
  model.on("remove", view.explainer_teardown)
  if (model.asked.after != null) setTimeout(() => choose({detail: model.asked}))
  return root
}
