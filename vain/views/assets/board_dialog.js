// The two dialogs: the editor (for a new task and for one that exists) and the confirmation of a deletion.
// An editor holds its own copy of the values and sends only the fields that the person changed.

const FIELDS = [
  {key: "name", label: "Name", make: () => h("input", {type: "text", maxlength: 200, required: true, autocomplete: "off"})},
  {key: "description", label: "Description", make: () => h("textarea", {rows: 4, maxlength: 10000})},
  {key: "priority", label: "Priority", make: () => h("select", {}, ...Object.entries(PRIORITY_WORDS).map(([value, text]) => h("option", {value, text})))},
  {key: "due_at", label: "Due", hint: "your local time", make: () => h("input", {type: "datetime-local"}), show: localMinute, read: fromLocalMinute},
  {key: "tags", label: "Tags", hint: "separated by commas", make: () => h("input", {type: "text", autocomplete: "off"}),
    show: (tags) => tags.join(", "), read: (text) => text.split(",").map((tag) => tag.trim()).filter(Boolean)},
  {key: "progress", label: "Progress", hint: "percent; empty: not known", make: () => h("input", {type: "number", min: 0, max: 100, step: "any"}),
    show: (value) => value === null ? "" : String(value), read: (text) => text === "" ? null : Number(text)},
]

const NEW_TASK = {name: "", description: "", priority: "medium", due_at: null, tags: [], progress: null}

function makeField({key, label, hint, make, show = String, read = String}) {
  const control = make(), id = `field-${key}`
  const flaw = h("p", {id: `${id}-flaw`, class: "refusal", role: "alert", hidden: true})
  control.id = id
  control.setAttribute("aria-describedby", flaw.id)
  const frame = control.tagName === "SELECT" ? h("span", {class: "select"}, control, icon("unfold")) : control
  const root = h("div", {class: "field", "data-field": key},
    h("label", {for: id}, h("span", {text: label}), hint ? h("span", {class: "hint", text: hint}) : null), frame, flaw)
  let original = ""
  return {
    key, root, control,
    set(value) { original = show(value); control.value = original; original = control.value },
    changed: () => control.value !== original,
    value: () => read(control.value),
    refuse(detail) {
      flaw.textContent = detail ?? ""
      flaw.hidden = !detail
      if (detail) control.setAttribute("aria-invalid", "true")
      else control.removeAttribute("aria-invalid")
    },
  }
}

function openModal(dialog, root, closed) {
  // The page does not reload itself while this is set.
  document.documentElement.dataset.editing = "yes"
  dialog.addEventListener("close", () => { delete document.documentElement.dataset.editing; dialog.remove(); closed() }, {once: true})
  // A click on the backdrop lands on the dialog itself; one that began inside it (selecting text) must not close it.
  let began = null
  dialog.addEventListener("pointerdown", (event) => { began = event.composedPath()[0] })
  dialog.addEventListener("click", (event) => { if (event.composedPath()[0] === dialog && began === dialog && dialog.dataset.kept !== "yes") dialog.close() })
  root.append(dialog)
  dialog.showModal()
}

// `save(fields)` sends the change and resolves to the answer; `facts` are [label, text or {time}] pairs that are only shown.
function openEditor(root, {title, verb, values, facts, locked, save, closed}) {
  const fields = FIELDS.map(makeField)
  const general = h("p", {class: "refusal", role: "alert", hidden: true})
  const meanwhile = h("p", {class: "meanwhile", role: "status", hidden: true})
  const submit = h("button", {type: "submit", class: "primary", text: verb})
  const form = h("form", {method: "dialog", novalidate: true, onsubmit: (event) => { event.preventDefault(); send() }},
    h("header", {}, h("h2", {id: "editor-title", text: title}),
      h("button", {type: "button", class: "quiet", "aria-label": "Close", title: "Close (Esc)", onclick: () => dialog.close()}, icon("close"))),
    meanwhile, h("div", {class: "fields"}, ...fields.map((field) => field.root)),
    facts.length > 0 ? h("dl", {class: "facts"}, ...facts.flatMap(([label, fact]) => [h("dt", {text: label}),
      h("dd", fact.time ? {text: exactTime(fact.time)} : {text: fact.text, class: fact.long ? "long" : null})])) : null,
    general, h("footer", {}, h("button", {type: "button", text: locked ? "Close" : "Cancel", onclick: () => dialog.close()}), locked ? null : submit))
  const dialog = h("dialog", {class: "editor", "aria-labelledby": "editor-title"}, form)
  for (const field of fields) { field.set(values[field.key]); field.control.disabled = locked }
  // Typed text is not thrown away by a stray click beside the dialog.
  form.addEventListener("input", () => { dialog.dataset.kept = fields.some((field) => field.changed()) ? "yes" : "no" })
  form.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send() })

  async function send() {
    if (submit.disabled || locked) return
    for (const field of fields) field.refuse(null)
    general.hidden = true
    const changes = Object.fromEntries(fields.filter((field) => field.changed() || (field.key === "name" && !facts.length)).map((field) => [field.key, field.value()]))
    if (!Object.keys(changes).length) return dialog.close()
    if (changes.name === "") return refuse({flaws: [{field: "name", detail: "A task needs a name."}]})
    submit.disabled = true
    const answer = await save(changes)
    submit.disabled = false
    if (answer.ok) return dialog.close()
    refuse(answer)
  }

  function refuse(answer) {
    const at = (flaw) => fields.find((field) => field.key === flaw.field)
    const elsewhere = answer.flaws.filter((flaw) => !at(flaw)).map((flaw) => flaw.detail)
    for (const flaw of answer.flaws) at(flaw)?.refuse(flaw.detail)
    general.textContent = answer.flaws.length ? elsewhere.join(" ") : answer.detail
    general.hidden = !general.textContent
    const first = fields.find((field) => answer.flaws.some((flaw) => flaw.field === field.key))
    if (first) first.control.focus()
  }

  openModal(dialog, root, closed)
  fields[0].control.focus()
  return {
    close: () => dialog.close(),
    // Somebody else changed what is edited here: say so, and leave what is being typed as it is. That a task that runs
    // went on is no news.
    tellChanged(row) {
      if (["name", "priority", "due_at", "tags"].every((key) => same(values[key], row[key]))) return
      meanwhile.textContent = "This task was changed by someone else meanwhile. Saving sends only the fields that you edited."
      meanwhile.hidden = false
    },
  }
}

// One question with one line as its answer; `run(text)` resolves to what the server says.
function openQuestion(root, {title, label, hint, verb, run, closed}) {
  const input = h("input", {id: "question", type: "text", maxlength: 64, autocomplete: "off"}), refusal = h("p", {class: "refusal", role: "alert", hidden: true})
  const dialog = h("dialog", {class: "confirmation", "aria-labelledby": "question-title"},
    h("form", {method: "dialog", onsubmit: (event) => { event.preventDefault(); send() }}, h("h2", {id: "question-title", text: title}),
      h("div", {class: "field asked"}, h("label", {for: "question"}, h("span", {text: label}), hint ? h("span", {class: "hint", text: hint}) : null), input), refusal,
      h("footer", {}, h("button", {type: "button", text: "Cancel", onclick: () => dialog.close()}), h("button", {type: "submit", class: "primary", text: verb}))))

  async function send() {
    const answer = await run(input.value)
    if (answer.ok) return dialog.close()
    refusal.textContent = sentenceOf(answer)
    refusal.hidden = false
    input.focus()
  }
  openModal(dialog, root, closed)
  input.focus()
}

function openConfirmation(root, {title, text, verb, run, closed}) {
  const refusal = h("p", {class: "refusal", role: "alert", hidden: true})
  const cancel = h("button", {type: "button", text: "Cancel", onclick: () => dialog.close()})
  const confirm = h("button", {type: "button", class: "destructive", text: verb, onclick: send})
  const dialog = h("dialog", {class: "confirmation", role: "alertdialog", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text"},
    h("h2", {id: "confirm-title", text: title}), h("p", {id: "confirm-text", class: "subject", text}), h("p", {class: "hint", text: "This cannot be undone."}), refusal, h("footer", {}, cancel, confirm))

  async function send() {
    confirm.disabled = true
    const answer = await run()
    confirm.disabled = false
    if (answer.ok) return dialog.close()
    refusal.textContent = sentenceOf(answer)
    refusal.hidden = false
  }

  openModal(dialog, root, closed)
  cancel.focus()
}
