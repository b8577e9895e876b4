// One row for each task. A row is built once and then patched: only the cells whose values changed are touched, so that
// focus, selection and hover survive what other people change.

const COLUMNS = [
  {key: "status", title: "Status", sort: "status"},
  {key: "task", title: "Task", sort: "name"},
  {key: "priority", title: "Priority", sort: "-priority"},
  {key: "progress", title: "Progress", sort: "-progress"},
  {key: "due", title: "Due", sort: "due_at"},
  {key: "updated", title: "Updated", sort: "-updated_at"},
  {key: "created", title: "Created", sort: "-created_at"},
]

const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b)

function paintStanding(button, task, locked) {
  const state = standing(task), word = standingWord(task)
  button.dataset.state = state
  button.replaceChildren(icon(state), h("span", {text: word}))
  button.setAttribute("aria-label", locked ? `Status: ${word}` : `Status: ${word}. Change`)
}

function paintPriority(button, task, locked) {
  const word = PRIORITY_WORDS[task.priority]
  button.dataset.state = task.priority
  button.replaceChildren(icon(task.priority), h("span", {text: word}))
  button.setAttribute("aria-label", locked ? `Priority: ${word}` : `Priority: ${word}. Change`)
}

function paintTask(cell, task, now) {
  cell.name.textContent = task.name
  cell.name.title = task.name
  cell.note.textContent = task.note
  cell.note.hidden = !task.note
  cell.note.classList.toggle("wrong", task.note_is_error)
  cell.tags.replaceChildren(...task.tags.map((tag) => h("span", {class: "tag", text: tag})))
  cell.tags.hidden = !task.tags.length
  cell.flags.replaceChildren(
    ...(task.stale ? [h("span", {class: "flag stale", title: "No report came in the time that was promised", text: silence(task.silent_since, now)})] : []),
    ...(task.attempt > 1 ? [h("span", {class: "flag", text: `Attempt ${task.attempt}`})] : []))
}

function paintProgress(cell, task) {
  const known = task.progress !== null
  cell.root.dataset.known = known
  cell.root.dataset.state = standing(task)
  cell.bar.style.width = known ? `${task.progress}%` : ""
  const percent = known ? `${Math.floor(task.progress)} %` : ""
  cell.words.textContent = task.amount ?? (known ? percent : task.status === "in-progress" ? "unknown" : "–")
  cell.track.hidden = !known && task.status !== "in-progress"
  cell.track.title = [percent, task.amount].filter(Boolean).join(" · ") || "Progress is not known"
  if (known) cell.track.setAttribute("aria-valuenow", Math.floor(task.progress))
  else cell.track.removeAttribute("aria-valuenow")
}

// The number is the way to the task's own page, where there is one.
const makeNumber = (id, linked) => linked
  ? h("a", {class: "number", href: `./task?id=${id}`, title: "Open the task's page", "aria-label": `Open the page of task ${id}`, text: `#${id}`})
  : h("span", {class: "number", text: `#${id}`})

const makeBox = (id, name, {choose}) => h("input", {type: "checkbox", class: "box", "data-act": "choose", tabindex: "0", "aria-label": `Select #${id} ${name}`, title: "Select (x)",
  onclick: (event) => choose(id, event.shiftKey)})

const makeCell = (key, ...children) => h("td", {role: "cell", class: `cell ${key}`}, ...children)

// `tools`: {act, choose, linked, locked}; `act(name, id, button)` is called for what a person does to a row: status, priority, complete, open, delete.
function makeRow(task, tools, now) {
  const {act, locked} = tools, id = task.id, box = makeBox(id, task.name, tools)
  const button = (name, attributes, ...children) => h("button", {
    type: "button", "data-act": name, onclick: (event) => act(name, id, event.currentTarget), ...attributes}, ...children)
  const pop = {"aria-haspopup": "menu", disabled: locked}
  const status = button("status", {class: "chip standing", ...pop})
  const priority = button("priority", {class: "chip rank", ...pop})
  const text = {name: button("open", {class: "name"}), note: h("div", {class: "note"}), tags: h("span", {class: "tags"}), flags: h("span", {class: "flags"})}
  const progress = {bar: h("div", {class: "bar"}), words: h("span", {class: "words"})}
  progress.track = h("div", {class: "track", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": "Progress"}, progress.bar)
  progress.root = makeCell("progress", progress.track, progress.words)
  const due = h("time"), updated = h("time"), created = h("time")
  const dueCell = makeCell("due", icon("clock"), due)
  const complete = button("complete", {class: "quiet", title: "Complete", "aria-label": "Complete", "aria-haspopup": "menu"}, icon("check"))
  const actions = makeCell("actions", ...(locked ? [] : [complete,
    button("edit", {class: "quiet", title: "Edit", "aria-label": "Edit"}, icon("edit")),
    button("delete", {class: "quiet danger", title: "Delete", "aria-label": "Delete"}, icon("delete"))]))
  const row = h("tr", {role: "row", "data-id": id, tabindex: -1, "aria-keyshortcuts": "j k Enter m x"},
    locked ? null : makeCell("choose", box), makeCell("status", status),
    makeCell("task", h("div", {class: "line"}, text.name, makeNumber(id, tools.linked), text.flags, text.tags), text.note),
    makeCell("priority", priority), progress.root, dueCell,
    makeCell("updated", updated), makeCell("created", created), actions)

  function paintTimes(now) {
    paintTime(due, shown.due_at, now, shown.overdue)
    // That a task fell silent is a change as well, and no news of it.
    paintTime(updated, shown.silent_since ?? shown.updated_at, now)
    const flag = text.flags.querySelector(".stale")
    if (flag) flag.textContent = silence(shown.silent_since, now)
    paintTime(created, shown.created_at, now)
  }

  let shown = {}
  const changed = (next, ...fields) => fields.some((field) => !same(shown[field], next[field]))
  function update(next, now) {
    if (changed(next, "status", "outcome")) { paintStanding(status, next, locked); complete.classList.toggle("gone", next.status === "completed") }
    if (changed(next, "priority")) paintPriority(priority, next, locked)
    if (changed(next, "name", "note", "note_is_error", "tags", "stale", "attempt")) paintTask(text, next, now)
    if (changed(next, "status", "outcome", "progress", "amount")) paintProgress(progress, next)
    row.dataset.state = standing(next)
    dueCell.classList.toggle("overdue", next.overdue)
    shown = next
    paintTimes(now)
  }
  update(task, now)
  return {row, box, update, paintTimes, task: () => shown}
}

// Brings `body` to hold exactly `wanted`, in order, moving as few rows as it can and never the one that has the focus.
function arrange(body, wanted, focused) {
  const keep = new Set(wanted)
  for (const row of [...body.children]) if (!keep.has(row)) row.remove()
  const pivot = Math.max(0, wanted.indexOf(focused))
  if (wanted.length && wanted[pivot].parentNode !== body) body.append(wanted[pivot])
  let edge = wanted[pivot]
  for (const row of wanted.slice(0, pivot).reverse()) {
    if (edge.previousSibling !== row) body.insertBefore(row, edge)
    edge = row
  }
  edge = wanted[pivot]
  for (const row of wanted.slice(pivot + 1)) {
    if (edge.nextSibling !== row) body.insertBefore(row, edge.nextSibling)
    edge = row
  }
}
