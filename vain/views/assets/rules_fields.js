// The fields of the editor: each shows a part of a rule, reads it back, and says what is wrong with it.
const KINDS = {above: "is above", below: "is below", reaches: "will reach", absent: "has no value", tasks: "a task …"}
const LEVEL_WORDS = {info: "Info", warning: "Warning", error: "Error"}
const KIND_FIELDS = {
  above: ["metric", "threshold", "clear", "for", "keep_firing_for"], below: ["metric", "threshold", "clear", "for", "keep_firing_for"],
  reaches: ["metric", "threshold", "within", "over", "for", "keep_firing_for"], absent: ["metric", "for", "keep_firing_for"], tasks: ["tasks", "task", "tag"],
}
const ALWAYS = ["name", "title", "level", "kind", "unless_task", "while_task", "repeat", "channels"]
const NAME = /^(?!test$)[a-z0-9][a-z0-9_-]{0,63}$/

const options = (pairs) => pairs.map(([value, text]) => Object.assign(make("option", "", text), {value}))
const words = (text) => text.split(",").map((word) => word.trim()).filter(Boolean)

function textInput(attributes = {}) {
  const made = make("input")
  Object.assign(made, {type: "text", autocomplete: "off", spellcheck: false, ...attributes})
  return made
}

function select(pairs) { const made = make("select"); made.append(...options(pairs)); return made }

// A field: its label, its control and the line that says what is wrong.
function makeField(key, label, control, hint = "") {
  const id = `rule-${key}`, flaw = make("p", "refusal"), root = make("div", "field"), words = make("label", "", label), unit = make("span", "unit")
  control.id = id
  words.htmlFor = id
  flaw.id = `${id}-flaw`
  flaw.hidden = true
  flaw.setAttribute("role", "alert")
  control.setAttribute("aria-describedby", flaw.id)
  if (hint) control.placeholder = hint
  root.dataset.field = key
  root.append(words, make("span", "control", control, unit), flaw)
  return {
    key, root, control, unit, words,
    refuse(detail) {
      flaw.textContent = detail ?? ""
      flaw.hidden = !detail
      if (detail) control.setAttribute("aria-invalid", "true"); else control.removeAttribute("aria-invalid")
    },
  }
}

function makeEvents(events) {
  const box = make("div", "events"), boxes = events.map(([event, text]) => {
    const tick = Object.assign(make("input"), {type: "checkbox", value: event}), label = make("label", "", tick, text)
    box.append(label)
    return tick
  })
  box.setAttribute("role", "group")
  box.setAttribute("aria-label", "What happens to it")
  return {box, get: () => boxes.filter((each) => each.checked).map((each) => each.value), set: (chosen) => { for (const each of boxes) each.checked = chosen.includes(each.value) }}
}

function makeFields(model) {
  const events = makeEvents(model.events)
  const metrics = select(model.metrics.map(({name, label, unit}) => [name, `${label}${SCALES[unit]?.[1] ? ` (${SCALES[unit][1]})` : ""} – ${name}`]))
  const fields = {
    name: makeField("name", "Name", textInput({maxLength: 64}), "a-z, 0-9, - and _"),
    title: makeField("title", "Title", textInput({maxLength: 200}), "the condition, in words"),
    kind: makeField("kind", "It fires when", select(Object.entries(KINDS))),
    metric: makeField("metric", "Metric", metrics),
    instance: makeField("instance", "Of", select([["", "each, by itself"]])),
    threshold: makeField("threshold", "Threshold", textInput({inputMode: "decimal"})),
    clear: makeField("clear", "Over again at", textInput({inputMode: "decimal"}), "the same"),
    within: makeField("within", "Within", textInput(), "such as 6 h"),
    over: makeField("over", "By its trend over", textInput(), "such as 1 h"),
    for: makeField("for", "For at least", textInput(), "such as 5 min"),
    keep_firing_for: makeField("keep_firing_for", "Over after", textInput(), "such as 1 min"),
    tasks: makeField("tasks", "It", events.box),
    task: makeField("task", "Only of the name or key", textInput({maxLength: 200})),
    tag: makeField("tag", "Only with the tag", textInput({maxLength: 50})),
    level: makeField("level", "Level", select(Object.entries(LEVEL_WORDS))),
    unless_task: makeField("unless_task", "Not while this task runs", textInput({maxLength: 200})),
    while_task: makeField("while_task", "Only while this task runs", textInput({maxLength: 200})),
    repeat: makeField("repeat", "Told again after", textInput(), "told once"),
    channels: makeField("channels", "Channels", textInput(), "all; or names, with commas; or none"),
  }
  return {fields, events}
}

// The rule as the form has it. What cannot be read is among the flaws.
function readRule({fields, events}, base, metricOf) {
  const flaws = [], kind = fields.kind.control.value, has = new Set([...ALWAYS, ...KIND_FIELDS[kind]]), text = (key) => fields[key].control.value.trim()
  const number = (key) => {
    const value = Number(text(key).replace(",", "."))
    if (text(key) === "" || Number.isNaN(value)) { flaws.push({field: key, detail: "A number is expected."}); return null }
    return value * scaleOf(metricOf())[0]
  }
  const span = (key) => {
    const seconds = spanOfText(text(key))
    if (seconds == null) flaws.push({field: key, detail: "A time such as 90 s, 5 min or 1 h 30 min is expected."})
    return seconds
  }
  const optional = (key) => text(key) || null
  const rule = {
    ...base, name: text("name"), title: optional("title"), level: fields.level.control.value, unless_task: optional("unless_task"), while_task: optional("while_task"),
    repeat: text("repeat") ? span("repeat") : null, channels: text("channels") === "none" ? [] : text("channels") ? words(text("channels")) : null,
    metric: null, above: null, below: null, clear: null, reaches: null, within: null, absent: kind === "absent", tasks: [], task: null, tag: null, for: 0, keep_firing_for: 0,
  }
  delete rule.over
  if (!NAME.test(rule.name)) flaws.push({field: "name", detail: "A name of a-z, 0-9, - and _ is expected, at most 64 long, and not test."})
  if (has.has("metric")) rule.metric = fields.instance.control.value || fields.metric.control.value
  if (has.has("threshold")) rule[kind] = number("threshold")
  if (has.has("clear") && text("clear")) rule.clear = number("clear")
  if (has.has("within")) { rule.within = span("within"); rule.over = span("over") }
  if (has.has("for")) { rule.for = span("for"); rule.keep_firing_for = span("keep_firing_for") }
  if (kind === "tasks") Object.assign(rule, {tasks: events.get(), task: optional("task"), tag: optional("tag")})
  if (kind === "tasks" && !rule.tasks.length) flaws.push({field: "tasks", detail: "At least one of them is expected."})
  return {rule, flaws, kind}
}

function showRule({fields, events}, rule, metric) {
  const size = scaleOf(metric)[0], kind = rule.tasks.length ? "tasks" : rule.absent ? "absent" : ["above", "below", "reaches"].find((each) => rule[each] != null) ?? "above"
  const set = (key, value) => { fields[key].control.value = value ?? "" }
  const span = (seconds) => seconds ? lengthOf(seconds) : ""
  for (const key of ["name", "title", "level", "task", "tag", "unless_task", "while_task"]) set(key, rule[key])
  set("kind", kind)
  set("threshold", rule[kind] == null || kind === "absent" || kind === "tasks" ? "" : short(rule[kind] / size))
  set("clear", rule.clear == null ? "" : short(rule.clear / size))
  for (const key of ["within", "over", "for", "keep_firing_for", "repeat"]) set(key, span(rule[key]))
  set("channels", rule.channels == null ? "" : rule.channels.join(", ") || "none")
  events.set(rule.tasks)
}
