// The editor: a form beside the chart of the metric. What it would have told is asked for when the hand rests.
const REST_MILLISECONDS = 220, LOOKS = [[3600, "1 h", "hour"], [86400, "1 d", "day"], [604800, "7 d", "7 days"]]
const NEW_RULE = {name: "", title: null, enabled: true, level: "warning", metric: "cpu.percent", above: 90, below: null, clear: null, reaches: null, within: null, over: 3600,
  absent: false, tasks: [], task: null, tag: null, for: 300, keep_firing_for: 60, unless_task: null, while_task: null, repeat: 14400, channels: null}
const OF_THRESHOLD = ["above", "below", "reaches"]

function action(text, className, onclick) {
  const made = make("button", className, text)
  made.type = "button"
  made.onclick = onclick
  return made
}

// `row`: the rule that is shown, null for a new one; `locked`: why it cannot be changed, "" if it can.
function openRuleEditor({root, model, row, locked, save, closed}) {
  const form = makeFields(model), {fields} = form, base = {...(row?.rule ?? NEW_RULE)}
  const metricOf = () => model.metrics.find(({name}) => name === fields.metric.control.value)
  let seconds = LOOKS[1][0], request = 0, looked = 0, resting = null, isNamed = Boolean(row), shown = ""
  const chart = makeRuleChart(dragged), result = make("p", "result"), note = make("p", "note"), general = make("p", "refusal"), waits = make("p", "note")
  result.setAttribute("role", "status")
  general.setAttribute("role", "alert")
  general.hidden = true
  const spans = make("div", "spans", ...LOOKS.map(([length, text]) => action(text, "", () => { seconds = length; look() })))
  spans.setAttribute("role", "group")
  spans.setAttribute("aria-label", "Tried over the last")

  const heading = make("h2", "", row ? row.title : "New rule"), body = make("form", "editor-form")
  heading.id = "rule-heading"
  const more = make("details", "more", make("summary", "", "More"), ...["unless_task", "while_task", "repeat", "channels"].map((key) => fields[key].root))
  const first = ["kind", "metric", "instance", "threshold", "clear", "within", "over", "for", "keep_firing_for", "tasks", "task", "tag"]
  const submit = make("button", "primary", row ? "Save" : "Make the rule")
  submit.type = "submit"
  const foot = make("footer", "", general, action(locked ? "Close" : "Cancel", "plain", () => dialog.close()), ...(locked ? [] : [submit]))
  body.noValidate = true
  body.append(...first.map((key) => fields[key].root), fields.title.root, fields.name.root, fields.level.root, more)
  const side = make("div", "side", make("div", "side-head", spans, result), chart.svg, note, waits)
  const top = make("header", "", heading, action("Close", "plain", () => dialog.close()))
  const dialog = make("dialog", "rule-editor", top, ...(locked ? [make("p", "locked", locked)] : []), make("div", "columns", body, side), foot)
  dialog.setAttribute("aria-labelledby", heading.id)
  submit.setAttribute("form", body.id = "rule-form")

  showInstances(base.metric)
  showRule(form, base, metricOf())
  if (row) fields.name.control.readOnly = true
  for (const {control} of Object.values(fields)) for (const each of control.matches("input, select") ? [control] : control.querySelectorAll("input")) each.disabled = Boolean(locked)
  more.open = Boolean(base.unless_task || base.while_task || base.channels)

  function showInstances(series) {
    const name = (series ?? "cpu.percent").split(":")[0], known = model.metrics.find((each) => each.name === name)
    fields.metric.control.value = name
    const all = [...new Set([...(model.shown.series ?? []).filter((each) => each.startsWith(`${name}:`)), ...(series?.includes(":") ? [series] : [])])]
    fields.instance.control.replaceChildren(...options([["", known?.instance ? `each ${known.instance}, by itself` : "–"], ...all.map((each) => [each, each.slice(name.length + 1)])]))
    fields.instance.control.value = series?.includes(":") ? series : ""
  }

  function paint() {
    const kind = fields.kind.control.value, metric = metricOf(), has = new Set([...ALWAYS, ...KIND_FIELDS[kind]])
    if (has.has("metric") && metric?.instance) has.add("instance")
    for (const [key, field] of Object.entries(fields)) field.root.hidden = !has.has(key)
    for (const key of ["threshold", "clear"]) setText(fields[key].unit, scaleOf(metric)[1])
    setText(fields.for.words.firstChild, kind === "absent" ? "For longer than" : "For at least")
    if (!isNamed) fields.name.control.value = nameFor(kind, metric)
    const {rule} = readRule(form, base, metricOf)
    chart.mark(OF_THRESHOLD.includes(kind) ? rule[kind] : null, rule.clear, Boolean(locked))
    setText(note, metric && kind !== "tasks" ? metric.help : "Tried on the stored runs. That one fell silent, came late or did not come is known as far as notifications are kept.")
  }

  function nameFor(kind, metric) {
    const title = fields.title.control.value || (kind === "tasks" ? `task ${form.events.get()[0] ?? "failed"}` : `${metric?.label ?? "rule"} ${kind}`)
    const plain = title.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 56) || "rule"
    const taken = new Set((model.shown.rules ?? []).map(({rule}) => rule.name))
    for (let number = 1; ; number += 1) {
      const name = number === 1 ? plain : `${plain}-${number}`
      if (!taken.has(name) && name !== "test") return name
    }
  }

  function dragged(value) {
    fields.threshold.control.value = short(value / scaleOf(metricOf())[0])
    dialog.dataset.kept = "yes"
    rest()
  }

  function look() {
    const kind = fields.kind.control.value, metric = kind === "tasks" ? null : fields.instance.control.value || fields.metric.control.value
    for (const [index, [length]] of LOOKS.entries()) spans.children[index].setAttribute("aria-pressed", String(length === seconds))
    shown = `${metric} ${seconds}`
    looked = request += 1
    chart.svg.dataset.waits = ""
    model.send_msg({look: {request: looked, seconds, metric}})
  }

  function lookOrRest() {
    const kind = fields.kind.control.value, metric = kind === "tasks" ? null : fields.instance.control.value || fields.metric.control.value
    if (shown === `${metric} ${seconds}`) rest(); else look()
  }

  function rest() {
    clearTimeout(resting)
    dialog.dataset.trying = ""
    resting = setTimeout(attempt, REST_MILLISECONDS)
  }

  function attempt() {
    const picture = chart.picture, {rule, flaws} = readRule(form, base, metricOf), wrong = flaws.filter(({field}) => field !== "name")
    if (!picture) return
    if (wrong.length) { tell({detail: wrong[0].detail}); return }
    request += 1
    model.send_msg({try: {request, rule: {...rule, name: NAME.test(rule.name) ? rule.name : "new"}, after: picture.after, before: picture.before}})
  }

  function tell(found) {
    delete dialog.dataset.trying
    chart.shade(found.firings ?? [])
    const span = LOOKS.find(([length]) => length === seconds)[2]
    const many = found.count === 1 ? "once" : `${found.count} times`
    setText(result, found.detail || (found.count ? `Would have fired ${many}, ${lengthOf(Math.round(found.seconds))} in all` : found.step_seconds == null && fields.kind.control.value !== "tasks" ? "Nothing of it is stored" : `Would not have fired in what is stored of the last ${span}`))
    result.classList.toggle("is-firing", Boolean(found.count))
    setText(waits, found.step_seconds >= 60 ? `Judged by a value for each ${lengthOf(found.step_seconds)}: what was shorter may be missing.` : "")
  }

  function pictured() {
    const found = JSON.parse(model.picture || "{}")
    if (found.request !== looked) return
    delete chart.svg.dataset.waits
    if (found.detail) { tell(found); return }
    chart.show({t: [], ...found}, fields.kind.control.value === "tasks" ? null : metricOf())
    paint()
    rest()
  }

  function tried() {
    const found = JSON.parse(model.tried || "{}")
    if (found.request === request) tell(found)
  }

  function refuse(detail, flaws) {
    for (const field of Object.values(fields)) field.refuse(null)
    const kind = fields.kind.control.value, unplaced = []
    let focused = false
    for (const flaw of flaws) {
      const field = fields[OF_THRESHOLD.includes(flaw.field) ? "threshold" : flaw.field]
      if (!field || field.root.hidden) { unplaced.push(flaw.detail); continue }
      field.refuse(flaw.detail)
      if (more.contains(field.root)) more.open = true
      if (!focused) field.control.focus()
      focused = true
    }
    const text = flaws.length ? unplaced.join(" ") : detail
    setText(general, kind && text ? text : "")
    general.hidden = !text
  }

  async function send(event) {
    event.preventDefault()
    if (locked || submit.disabled) return
    const {rule, flaws} = readRule(form, base, metricOf)
    refuse("", flaws)
    if (flaws.length) return
    submit.disabled = true
    const answer = await save({rule, is_new: !row})
    submit.disabled = false
    if (answer.detail) refuse(answer.detail, answer.flaws ?? []); else dialog.close()
  }

  body.addEventListener("submit", send)
  fields.name.control.addEventListener("input", () => { isNamed = true })
  fields.metric.control.addEventListener("change", () => showInstances(fields.metric.control.value))
  body.addEventListener("input", () => { dialog.dataset.kept = "yes"; paint(); rest() })
  body.addEventListener("change", () => { paint(); lookOrRest() })
  let began = null
  dialog.addEventListener("pointerdown", (event) => { began = event.composedPath()[0] })
  // A stray click beside the dialog does not throw away what was typed.
  dialog.addEventListener("click", (event) => { if (event.composedPath()[0] === dialog && began === dialog && dialog.dataset.kept !== "yes") dialog.close() })
  model.on("picture", pictured)
  model.on("tried", tried)
  dialog.addEventListener("close", () => {
    clearTimeout(resting)
    chart.remove()
    model.off("picture", pictured)
    model.off("tried", tried)
    delete document.documentElement.dataset.editing
    dialog.remove()
    closed()
  }, {once: true})
  // The page does not reload itself while this is set.
  document.documentElement.dataset.editing = "yes"
  root.append(dialog)
  dialog.showModal()
  paint()
  look()
}
