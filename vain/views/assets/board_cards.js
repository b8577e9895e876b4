// The board as columns: one for each status, a card for each task. Cards are dragged, moved with the keyboard, or by the menu.

function paintFoot(foot, task, now) {
  const running = task.status === "in-progress"
  const parts = []
  if (task.stale) parts.push(["late", silence(task.silent_since, now)])
  else if (running && task.ends_at) parts.push(["", relativeTime(task.ends_at, now).replace(/^in /, "ends in ")])
  else if (running) parts.push(["", `started ${relativeTime(task.started_at ?? task.created_at, now)}`])
  else if (task.status === "completed") parts.push(["", `ended ${relativeTime(task.completed_at ?? task.updated_at, now)}`])
  else parts.push(["", `made ${relativeTime(task.created_at, now)}`])
  if (task.status !== "completed" && task.due_at) parts.push([task.overdue ? "late" : "", task.overdue ? relativeTime(task.due_at, now, true) : `due ${relativeTime(task.due_at, now)}`])
  const text = parts.map((part) => part[1]).join(" · ")
  if (foot.textContent !== text) foot.replaceChildren(...parts.map(([kind, words]) => h("span", {class: kind || null, text: words})))
}

// `tools`: {act, choose, grab, linked, locked}. A card answers as a row does (see makeRow).
function makeCard(task, tools, now) {
  const {act, locked} = tools, id = task.id
  const button = (name, attributes, ...children) => h("button", {type: "button", tabindex: -1, "data-act": name, onclick: (event) => act(name, id, event.currentTarget), ...attributes}, ...children)
  const text = {name: button("open", {class: "name"}), note: h("div", {class: "note"}), tags: h("span", {class: "tags"}), flags: h("span", {class: "flags"})}
  const progress = {root: h("div", {class: "progress"}), bar: h("div", {class: "bar"}), words: h("span", {class: "words"})}
  progress.track = h("div", {class: "track", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": "Progress"}, progress.bar)
  progress.root.append(progress.track, progress.words)
  const sign = h("span", {class: "sign"}), rank = h("span", {class: "rank"}), foot = h("span", {class: "foot"})
  const box = makeBox(id, task.name, tools), menu = button("status", {class: "quiet", "aria-label": "Move", title: "Move (m)", "aria-haspopup": "menu", disabled: locked}, icon("more"))
  const row = h("li", {class: "card", "data-id": id, tabindex: -1, draggable: locked ? null : "true", "aria-keyshortcuts": "Enter m x Shift+ArrowLeft Shift+ArrowRight"},
    h("div", {class: "line"}, locked ? null : box, sign, text.name, menu), text.note, progress.root,
    h("div", {class: "line"}, rank, makeNumber(id, tools.linked), text.flags, text.tags), foot)
  row.addEventListener("dragstart", (event) => { event.dataTransfer.setData("text/plain", String(id)); event.dataTransfer.effectAllowed = "move"; tools.grab(id) })
  row.addEventListener("dragend", () => tools.grab(null))

  let shown = {}
  const changed = (next, ...fields) => fields.some((field) => !same(shown[field], next[field]))
  const paintTimes = (at) => paintFoot(foot, shown, at)
  function update(next, at) {
    const state = standing(next)
    if (changed(next, "status", "outcome")) { sign.dataset.state = state; sign.replaceChildren(icon(state)); sign.title = standingWord(next) }
    if (changed(next, "priority")) { rank.dataset.state = next.priority; rank.replaceChildren(icon(next.priority)); rank.title = `Priority: ${PRIORITY_WORDS[next.priority]}` }
    if (changed(next, "name", "note", "note_is_error", "tags", "attempt")) paintTask(text, {...next, stale: false}, at)
    if (changed(next, "status", "outcome", "progress", "amount")) paintProgress(progress, next)
    progress.root.hidden = next.status !== "in-progress" && (next.progress === null || next.status === "completed")
    row.dataset.state = state
    row.setAttribute("aria-label", `${next.name}: ${standingWord(next)}, ${PRIORITY_WORDS[next.priority]} priority`)
    shown = next
    paintTimes(at)
  }
  update(task, now)
  return {row, box, update, paintTimes, task: () => shown}
}

// `move(id, status)` is called for a drop or a key, `more()` for the button below a column that shows not all.
function makeColumns({move, more, locked}) {
  let grabbed = null
  const columns = Object.entries(STATUS_WORDS).map(([status, title]) => {
    const count = h("span", {class: "count"}), list = h("ul", {"aria-label": title}), none = h("p", {class: "none", text: "No task"})
    const rest = h("button", {type: "button", class: "rest", onclick: more})
    const root = h("section", {class: "column", "data-status": status}, h("h3", {}, icon(status === "completed" ? "succeeded" : status), h("span", {text: title}), count), list, none, rest)
    root.addEventListener("dragover", (event) => { if (grabbed === null) return; event.preventDefault(); event.dataTransfer.dropEffect = "move"; root.dataset.over = "" })
    root.addEventListener("dragleave", (event) => { if (!root.contains(event.relatedTarget)) delete root.dataset.over })
    root.addEventListener("drop", (event) => { event.preventDefault(); delete root.dataset.over; if (grabbed !== null) move(grabbed, status, true) })
    return {status, root, list, none, rest, count}
  })
  const root = h("div", {class: "columns", role: "group", "aria-label": "Tasks by status", hidden: true}, ...columns.map((column) => column.root))
  const of = (status) => columns.find((column) => column.status === status)
  const cards = () => [...root.querySelectorAll(".card")]

  function draw(entries, totals, focused, limit) {
    for (const {status, root: column, list, none, rest, count} of columns) {
      const wanted = entries.filter((entry) => entry.task().status === status).map((entry) => entry.row), total = totals[status] ?? 0
      column.hidden = !(status in totals)
      arrange(list, wanted, focused)
      count.textContent = wanted.length < total ? `${wholeNumber(wanted.length)} of ${wholeNumber(total)}` : wholeNumber(total)
      none.hidden = wanted.length > 0
      rest.hidden = wanted.length >= total
      rest.disabled = limit >= 200
      rest.textContent = limit >= 200 ? "The table shows the others" : "More"
    }
    stand()
  }

  // One card takes part in the order of Tab; the arrows go on from there.
  function stand(card = cards().find((one) => one.tabIndex === 0) ?? cards()[0]) {
    for (const one of cards()) one.tabIndex = one === card ? 0 : -1
  }

  function beside(card, key) {
    const shown = columns.filter((column) => !column.root.hidden), at = shown.findIndex((column) => column.list.contains(card)), row = [...shown[at].list.children].indexOf(card)
    if (key === "ArrowDown") return card.nextElementSibling
    if (key === "ArrowUp") return card.previousElementSibling
    const way = key === "ArrowRight" ? 1 : -1
    for (let to = at + way; shown[to]; to += way) if (shown[to].list.children.length) return shown[to].list.children[Math.min(row, shown[to].list.children.length - 1)]
    return null
  }

  root.addEventListener("focusin", (event) => { const card = event.target.closest(".card"); if (card) stand(card) })
  root.addEventListener("keydown", (event) => {
    const card = event.target
    if (!card.matches?.(".card") || event.ctrlKey || event.metaKey || event.altKey) return
    const id = Number(card.dataset.id), statuses = Object.keys(STATUS_WORDS), way = {j: "ArrowDown", k: "ArrowUp"}[event.key] ?? event.key
    if (event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      const to = statuses[statuses.indexOf(card.closest(".column").dataset.status) + (event.key === "ArrowRight" ? 1 : -1)]
      if (to && !locked) move(id, to, false)
    } else if (way.startsWith("Arrow")) beside(card, way)?.focus()
    else if (event.key === "Enter") card.querySelector(".name").click()
    else if (event.key === "m") card.querySelector("[data-act=status]").click()
    else return
    event.preventDefault()
  })
  return {root, draw, cards, stand, of, grab(id) { grabbed = id; root.toggleAttribute("data-dragging", id !== null) }}
}
