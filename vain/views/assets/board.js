// The task board: toolbar, table and pager, and the conversation with vain/views/board.py.
// To Python go intents ({intent, request, ...}); from Python come "page", "patch", "answer" and "trouble".

const ANSWER_SECONDS = 15
const BULK_SECONDS = 60
const FORM_KEY = "vain-board-form"
const FIRST_CARDS = 25
// The page's list of keys shows these.
const KEYS = [["n", "New task"], ["j k, arrows", "Go from task to task"], ["Enter", "Open the task"], ["x", "Select the task"], ["Esc", "Select nothing"], ["m", "Menu of the task"], ["Shift ←→", "Move the card to the next column"]]
const READING_KEYS = ["j k, arrows", "Enter"]
const STEPS = {j: 1, ArrowDown: 1, k: -1, ArrowUp: -1}
const REDRAW_TIMES_SECONDS = 10
// Requests that wait for their answer, by number.
function makeConversation(model) {
  const waiting = new Map()
  let number = 0
  return {
    tell(message) { model.send_msg({...message, request: ++number}); return number },
    ask(message, patience = ANSWER_SECONDS) {
      const request = this.tell(message)
      return new Promise((resolve) => {
        const nothing = {ok: false, flaws: [], detail: `vAIn has not answered for ${patience} s. The change may or may not have been made.`}
        const timer = setTimeout(() => { waiting.delete(request); resolve(nothing) }, patience * 1000)
        waiting.set(request, (answer) => { clearTimeout(timer); waiting.delete(request); resolve(answer) })
      })
    },
    answer(message) { waiting.get(message.request)?.(message) },
  }
}

export function render({model, view}) {
  // Bokeh may draw a view again (a changed style sheet is enough): what the drawing before set up has to go first.
  view.board_teardown?.()
  const locked = !model.may_write, linked = model.linked
  const talk = makeConversation(model)
  const words = new URLSearchParams(linked ? location.search : "")
  let query = queryFromWords(words), isColumns = (words.get("as") ?? remembered(FORM_KEY)) === "columns", cards = FIRST_CARDS, totals = null
  let asked = Number(words.get("id")) || null
  let request = 0, order = [], total = 0, counts = null, skew = 0, held = false, editor = null, drawn = new Map()
  const serverNow = () => Date.now() + skew

  const menu = makeMenu((anchor) => { if (held) { held = false; drawOrder() } restoreFocus(anchor.closest(".card") ?? anchor) })
  const root = h("section", {class: "board", "aria-label": "Task board"})
  const notice = makeNotice()
  const send = (intent) => talk.ask({intent: "many", query: sentQuery(query), ...intent}, BULK_SECONDS)
  const choice = makeChoice({order: () => order, total: () => total, entry: (id) => drawn.get(id), send, menu, root, tell: notice.tell})
  const views = makeViews(menu, () => query, (next) => ask(next), root), toggle = makeToggle(showAs)
  const toolbar = makeToolbar(ask, openNew, locked, views, toggle)
  const head = makeHead((sort) => ask({offset: 0, sort: query.sort === sort ? opposite(sort) : sort}), locked ? null : choice.head)
  const columns = makeColumns({move, more: () => { cards = Math.min(200, cards + 50); ask({}) }, locked})
  const tools = {act, choose: choice.toggle, grab: columns.grab, linked, locked}
  const pager = makePager(ask)
  const empty = makeEmpty(openNew, clearFilters, {locked, linked})
  const body = h("tbody", {role: "rowgroup"})
  const table = h("table", {role: "table", "aria-label": "Tasks"}, head.root, body)
  const trouble = h("p", {class: "trouble", role: "alert", hidden: true})
  const spoken = h("p", {class: "unseen", role: "status"})
  root.append(toolbar.root, trouble, choice.bar, table, columns.root, empty.none, empty.unmatched, pager.root, spoken, notice.root, menu.list)

  // Typing is no step that the back button goes back to; the rest is.
  function ask(change, isStep = !("text" in change && Object.keys(change).length === 2)) {
    query = {...query, ...change}
    if (linked) queryToAddress(query, isColumns, isStep)
    askNow()
  }

  function askNow() {
    toolbar.show(query)
    toggle.show(isColumns ? "columns" : "table")
    head.show(query.sort)
    table.setAttribute("aria-busy", "true")
    request = talk.tell({intent: "query", columns: isColumns, query: sentQuery(isColumns ? {...query, limit: cards, offset: 0} : query)})
  }

  function showAs(form) {
    remember(FORM_KEY, form)
    turnTo(form === "columns")
    ask({offset: 0})
  }

  function turnTo(next) {
    if (isColumns === next) return
    isColumns = next
    for (const entry of drawn.values()) entry.row.remove()
    drawn = new Map()
    order = []
    choice.clear()
  }

  function goneBack() {
    const words = new URLSearchParams(location.search)
    query = queryFromWords(words)
    turnTo(words.get("as") === "columns")
    askNow()
  }

  function clearFilters() {
    ask(NO_FILTERS)
    toolbar.search.value = ""
    toolbar.reach()
  }

  const focusedRow = () => root.getRootNode().activeElement?.closest?.("[data-id]") ?? null
  const rowsShown = () => isColumns ? columns.cards() : [...body.children]

  // Gives the focus back to a control; when its row has gone, to the same control of the row now in its place.
  function restoreFocus(control, place = 0) {
    if (control.isConnected && control.checkVisibility()) return control.focus({preventScroll: true})
    const rows = rowsShown(), row = rows[Math.min(place, rows.length - 1)]
    if (row && control.matches("[data-id]")) return row.focus({preventScroll: true})
    const next = row?.querySelector(`[data-act="${control.dataset.act}"]:not(.gone)`) ?? row?.querySelector(".name") ?? toolbar.create ?? toolbar.search
    next.focus({preventScroll: true})
  }

  function drawRow(task) {
    const known = drawn.get(task.id)
    if (known) known.update(task, serverNow())
    else drawn.set(task.id, (isColumns ? makeCard : makeRow)(task, tools, serverNow()))
  }

  function drawOrder() {
    const active = root.getRootNode().activeElement, row = focusedRow(), place = row ? rowsShown().indexOf(row) : 0
    const keep = new Set(order)
    for (const id of drawn.keys()) if (!keep.has(id)) drawn.delete(id)
    const entries = order.map((id) => drawn.get(id))
    if (isColumns) columns.draw(entries, totals, row, cards)
    else arrange(body, entries.map((entry) => entry.row), row)
    choice.keep()
    if (row && root.getRootNode().activeElement !== active) restoreFocus(active, place)
  }

  function drawRest(message) {
    total = message.total
    totals = message.totals
    counts = message.counts
    if (!isColumns && query.offset !== message.offset) {
      query.offset = message.offset
      if (linked) queryToAddress(query, isColumns, false)
    }
    skew = Date.parse(message.now) - Date.now()
    const all = counts.pending + counts.in_progress + counts.completed
    toolbar.showCounts(counts)
    pager.show(query, order.length, total, isColumns)
    empty.show(query)
    root.dataset.state = total ? "full" : all ? "unmatched" : "empty"
    table.hidden = !total || isColumns
    columns.root.hidden = !total || !isColumns
    empty.none.hidden = all > 0
    empty.unmatched.hidden = total > 0 || !all
    trouble.hidden = true
  }

  function receivePage(message) {
    if (message.request !== request) return
    table.removeAttribute("aria-busy")
    order = message.rows.map((task) => task.id)
    message.rows.forEach(drawRow)
    drawRest(message)
    // Rows do not move away under an open menu; they do when it closes.
    if (menu.isOpen()) held = true
    else drawOrder()
    const words = total === 1 ? "1 task" : `${wholeNumber(total)} tasks`
    if (spoken.textContent !== words) spoken.textContent = words
    tellEditor(message.rows)
    if (asked) openAsked()
  }

  function receivePatch(message) {
    table.removeAttribute("aria-busy")
    message.rows.forEach(drawRow)
    drawRest(message)
    if (menu.isOpen()) held = true
    else if (isColumns) drawOrder()
    tellEditor(message.rows)
  }

  function openAsked() {
    const id = asked
    asked = null
    openExisting(toolbar.search, id, () => { const address = new URL(location.href); address.searchParams.delete("id"); history.replaceState(history.state, "", address) })
  }

  function receive(message) {
    if (message.type === "page") receivePage(message)
    else if (message.type === "patch") receivePatch(message)
    else if (message.type === "answer") talk.answer(message)
    else if (message.type === "trouble") tellTrouble(message.detail)
  }

  function tellTrouble(detail) {
    trouble.textContent = detail
    trouble.hidden = false
    table.removeAttribute("aria-busy")
  }

  function tellEditor(rows) {
    const row = editor?.id && rows.find((task) => task.id === editor.id)
    if (row && row.version > editor.version) editor.tellChanged(row)
  }

  function act(name, id, button) {
    if (name === "status") openStanding(button, id)
    else if (name === "complete") openOutcome(button, id)
    else if (name === "priority") openPriority(button, id)
    else if (name === "delete") openDelete(button, id)
    else openExisting(button, id)
  }

  // A card stands where it was put until the server has answered; what it refuses goes back, and says why.
  async function move(id, status, isDropped) {
    const entry = drawn.get(id), before = entry?.task()
    if (locked || !before || before.status === status) return
    const hadFocus = focusedRow() === entry.row || isDropped
    columns.of(status).list.prepend(entry.row)
    entry.row.toggleAttribute("data-moving", true)
    if (hadFocus) entry.row.focus()
    const answer = await set(id, status === "completed" ? {status, outcome: "succeeded"} : {status})
    entry.row.removeAttribute("data-moving")
    const title = `#${id} “${before.name}”`
    if (answer.ok) return notice.tell(`${title} is now ${status === "completed" ? "completed: succeeded" : STATUS_WORDS[status].toLowerCase()}.`, false, offers(id, status, before))
    drawOrder()
    if (hadFocus && entry.row.isConnected) entry.row.focus()
    notice.tell(`${title} stays ${STATUS_WORDS[before.status].toLowerCase()}: ${sentenceOf(answer)}`, true)
  }

  function offers(id, status, before) {
    const put = (fields) => async () => { const answer = await set(id, fields); if (!answer.ok) notice.tell(sentenceOf(answer), true) }
    const others = status === "completed" ? ["failed", "cancelled"].map((outcome) => ({word: `${OUTCOME_WORDS[outcome]} instead`, run: put({status, outcome})})) : []
    const undo = before.status === "completed" ? {status: "completed", outcome: standing(before)} : {status: before.status}
    return [...others, {word: "Undo", run: put(undo)}]
  }

  const set = (id, fields) => talk.ask({intent: "set", task_id: id, fields})
  const outcomes = (id, state) => Object.entries(OUTCOME_WORDS).map(([outcome, word]) =>
    ({word, icon: outcome, checked: outcome === state, run: () => set(id, {status: "completed", outcome})}))

  function openStanding(button, id) {
    const state = standing(drawn.get(id).task())
    menu.open(button, "Status", [
      {items: ["pending", "in-progress"].map((status) => ({word: STATUS_WORDS[status], icon: status, checked: status === state, run: () => set(id, {status})}))},
      {title: "Completed", items: outcomes(id, state)}])
  }
  function openOutcome(button, id) {
    menu.open(button, "Complete with outcome", [{title: "Completed", items: outcomes(id, null)}])
  }
  function openPriority(button, id) {
    const rank = drawn.get(id).task().priority
    menu.open(button, "Priority", [{items: Object.entries(PRIORITY_WORDS).map(([priority, word]) => ({word, icon: priority, checked: priority === rank, run: () => set(id, {priority})}))}])
  }

  const placeOf = (button) => rowsShown().indexOf(button.closest("[data-id]"))

  function openDelete(button, id) {
    const place = placeOf(button)
    openConfirmation(root, {title: "Delete this task?", text: `#${id} ${drawn.get(id).task().name}`, verb: "Delete",
      run: () => talk.ask({intent: "delete", task_id: id}), closed: () => restoreFocus(button, place)})
  }

  async function openExisting(button, id, after = () => {}) {
    const place = placeOf(button), answer = await talk.ask({intent: "open", task_id: id})
    if (editor) return
    if (!answer.ok) return tellTrouble(answer.detail)
    const opened = openEditor(root, {title: `Task #${id}`, verb: "Save", ...answer, locked,
      save: (fields) => set(id, fields), closed: () => { editor = null; after(); restoreFocus(isColumns ? drawn.get(id)?.row ?? button : button, place) }})
    editor = {...opened, id, version: answer.version}
  }

  function openNew() {
    if (editor || locked) return
    const back = root.getRootNode().activeElement ?? toolbar.create
    editor = openEditor(root, {title: "New task", verb: "Create", values: NEW_TASK, facts: [], locked,
      save: (fields) => talk.ask({intent: "create", fields}), closed: () => { editor = null; restoreFocus(back) }})
  }

  // The rows of the table answer as the cards of the columns do; j and k begin wherever the focus is.
  function walk(key) {
    const rows = rowsShown(), at = rows.indexOf(focusedRow()), step = STEPS[key]
    rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step]?.focus()
  }

  function rowKey(event) {
    const row = focusedRow(), isOnRow = row !== null && event.composedPath()[0] === row
    if (event.key === "j" || event.key === "k" || (isOnRow && event.key in STEPS)) walk(event.key)
    else if (isOnRow && event.key === "Enter") openExisting(row, Number(row.dataset.id))
    else if (isOnRow && event.key === "m" && !locked) row.querySelector("[data-act=status]").click()
    else return false
    return true
  }

  function shortcut(event) {
    const target = event.composedPath()[0]
    const typing = target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]") || root.querySelector("dialog[open]") || document.querySelector("dialog[open]") || menu.isOpen()
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    if (event.key === "/") toolbar.reach()
    else if (rowKey(event)) { /* done */ }
    else if (event.key === "n") openNew()
    else if (event.key === "x" && !locked && focusedRow()) choice.toggle(Number(focusedRow().dataset.id), false)
    else if (event.key === "Escape" && choice.isAny()) choice.clear()
    else return
    event.preventDefault()
  }

  toolbar.search.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return
    if (toolbar.search.value) { toolbar.search.value = ""; ask({text: "", offset: 0}) } else toolbar.search.blur()
    event.preventDefault()
  })

  const clock = setInterval(() => { for (const row of drawn.values()) row.paintTimes(serverNow()) }, REDRAW_TIMES_SECONDS * 1000)
  document.addEventListener("keydown", shortcut)
  if (linked) window.addEventListener("popstate", goneBack)
  model.on("msg:custom", receive)
  view.board_teardown = () => {
    clearInterval(clock)
    menu.close()
    document.removeEventListener("keydown", shortcut)
    window.removeEventListener("popstate", goneBack)
    notice.close()
    model.off("msg:custom", receive)
  }
  model.on("remove", () => view.board_teardown())
  for (const part of [table, columns.root, empty.none, empty.unmatched, pager.root]) part.hidden = true
  window.vainKeys = locked ? KEYS.filter(([key]) => READING_KEYS.includes(key)) : KEYS
  ask({}, false)
  return root
}
