// The task board: toolbar, table and pager, and the conversation with vain/views/board.py.
// To Python go intents ({intent, request, ...}); from Python come "page", "patch", "answer" and "trouble".

const ANSWER_SECONDS = 15
const REDRAW_TIMES_SECONDS = 10
const FIRST_QUERY = {status: null, priority: null, outcome: null, text: "", sort: "-created_at", limit: 50, offset: 0}

// Requests that wait for their answer, by number.
function makeConversation(model) {
  const waiting = new Map()
  let number = 0
  return {
    tell(message) { model.send_msg({...message, request: ++number}); return number },
    ask(message) {
      const request = this.tell(message)
      return new Promise((resolve) => {
        const silence = {ok: false, flaws: [], detail: `vAIn has not answered for ${ANSWER_SECONDS} s. The change may or may not have been made.`}
        const timer = setTimeout(() => { waiting.delete(request); resolve(silence) }, ANSWER_SECONDS * 1000)
        waiting.set(request, (answer) => { clearTimeout(timer); waiting.delete(request); resolve(answer) })
      })
    },
    answer(message) { waiting.get(message.request)?.(message) },
  }
}

// The filters, the order and the page in the address, so that a link and the back button keep them.
function queryFromAddress() {
  const words = new URLSearchParams(location.search), query = {...FIRST_QUERY}
  const oneOf = (name, known) => { const word = words.get(name); if (word in known) query[name] = word }
  oneOf("status", STATUS_WORDS); oneOf("priority", PRIORITY_WORDS); oneOf("outcome", OUTCOME_WORDS)
  query.text = (words.get("q") ?? "").slice(0, 200)
  if (COLUMNS.some((column) => column.sort.replace("-", "") === (words.get("sort") ?? "").replace("-", ""))) query.sort = words.get("sort")
  const page = Number(words.get("page"))
  if (Number.isInteger(page) && page > 1 && page < 1e9) query.offset = (page - 1) * query.limit
  return query
}

function queryToAddress(query) {
  const address = new URL(location.href), page = Math.floor(query.offset / query.limit) + 1
  const words = {status: query.status, priority: query.priority, outcome: query.outcome, q: query.text,
    sort: query.sort === FIRST_QUERY.sort ? null : query.sort, page: page > 1 ? page : null}
  for (const [name, word] of Object.entries(words)) word ? address.searchParams.set(name, word) : address.searchParams.delete(name)
  if (address.href !== location.href) history.replaceState(history.state, "", address)
}

export function render({model, view}) {
  // Bokeh may draw a view again (a changed style sheet is enough): what the drawing before set up has to go first.
  view.board_teardown?.()
  const locked = !model.may_write, linked = model.linked
  const talk = makeConversation(model)
  let query = linked ? queryFromAddress() : {...FIRST_QUERY}
  let request = 0, order = [], total = 0, counts = null, skew = 0, held = false, editor = null, drawn = new Map()
  const serverNow = () => Date.now() + skew

  const toolbar = makeToolbar(ask, openNew, locked)
  const head = makeHead((sort) => ask({offset: 0, sort: query.sort === sort ? opposite(sort) : sort}))
  const pager = makePager(ask)
  const empty = makeEmpty(openNew, clearFilters, {locked, linked})
  const body = h("tbody", {role: "rowgroup"})
  const table = h("table", {role: "table", "aria-label": "Tasks"}, head.root, body)
  const trouble = h("p", {class: "trouble", role: "alert", hidden: true})
  const spoken = h("p", {class: "unseen", role: "status"})
  const menu = makeMenu((anchor) => { if (held) { held = false; drawOrder() } restoreFocus(anchor) })
  const root = h("section", {class: "board", "aria-label": "Task board"}, toolbar.root, trouble, table, empty.none, empty.unmatched, pager.root, spoken, menu.list)

  function ask(change) {
    query = {...query, ...change}
    if (linked) queryToAddress(query)
    toolbar.show(query)
    head.show(query.sort)
    table.setAttribute("aria-busy", "true")
    request = talk.tell({intent: "query", query})
  }

  function clearFilters() {
    ask({status: null, priority: null, outcome: null, text: "", offset: 0})
    toolbar.search.value = ""
    toolbar.search.focus()
  }

  const focusedRow = () => root.getRootNode().activeElement?.closest?.("tr[data-id]") ?? null

  // Gives the focus back to a control; when its row has gone, to the same control of the row now in its place.
  function restoreFocus(control, place = 0) {
    if (control.isConnected) return control.focus({preventScroll: true})
    const row = body.children[Math.min(place, body.children.length - 1)]
    const next = row?.querySelector(`[data-act="${control.dataset.act}"]:not(.gone)`) ?? row?.querySelector(".name") ?? toolbar.create ?? toolbar.search
    next.focus({preventScroll: true})
  }

  function drawRow(task) {
    const known = drawn.get(task.id)
    if (known) known.update(task, serverNow())
    else drawn.set(task.id, makeRow(task, act, locked, serverNow()))
  }

  function drawOrder() {
    const active = root.getRootNode().activeElement, row = focusedRow(), place = row ? [...body.children].indexOf(row) : 0
    const keep = new Set(order)
    for (const id of drawn.keys()) if (!keep.has(id)) drawn.delete(id)
    arrange(body, order.map((id) => drawn.get(id).row), row)
    if (row && root.getRootNode().activeElement !== active) restoreFocus(active, place)
  }

  function drawRest(message) {
    total = message.total
    counts = message.counts
    if (query.offset !== message.offset) {
      query.offset = message.offset
      if (linked) queryToAddress(query)
    }
    skew = Date.parse(message.now) - Date.now()
    const all = counts.pending + counts.in_progress + counts.completed
    toolbar.showCounts(counts)
    pager.show(query, order.length, total)
    root.dataset.state = total ? "full" : all ? "unmatched" : "empty"
    table.hidden = !total
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
  }

  function receivePatch(message) {
    table.removeAttribute("aria-busy")
    message.rows.forEach(drawRow)
    drawRest(message)
    tellEditor(message.rows)
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

  const placeOf = (button) => [...body.children].indexOf(button.closest("tr"))

  function openDelete(button, id) {
    const place = placeOf(button)
    openConfirmation(root, {title: "Delete this task?", text: `#${id} ${drawn.get(id).task().name}`, verb: "Delete",
      run: () => talk.ask({intent: "delete", task_id: id}), closed: () => restoreFocus(button, place)})
  }

  async function openExisting(button, id) {
    const place = placeOf(button), answer = await talk.ask({intent: "open", task_id: id})
    if (editor) return
    if (!answer.ok) return tellTrouble(answer.detail)
    const opened = openEditor(root, {title: `Task #${id}`, verb: "Save", ...answer, locked,
      save: (fields) => set(id, fields), closed: () => { editor = null; restoreFocus(button, place) }})
    editor = {...opened, id, version: answer.version}
  }

  function openNew() {
    if (editor || locked) return
    const back = root.getRootNode().activeElement ?? toolbar.create
    editor = openEditor(root, {title: "New task", verb: "Create", values: NEW_TASK, facts: [], locked,
      save: (fields) => talk.ask({intent: "create", fields}), closed: () => { editor = null; restoreFocus(back) }})
  }

  function shortcut(event) {
    const target = event.composedPath()[0]
    const typing = target.matches?.("input, textarea, select, [contenteditable]") || root.querySelector("dialog[open]") || menu.isOpen()
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    if (event.key === "/") toolbar.search.focus()
    else if (event.key === "n") openNew()
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
  model.on("msg:custom", receive)
  view.board_teardown = () => {
    clearInterval(clock)
    menu.close()
    document.removeEventListener("keydown", shortcut)
    model.off("msg:custom", receive)
  }
  model.on("remove", () => view.board_teardown())
  for (const part of [table, empty.none, empty.unmatched, pager.root]) part.hidden = true
  ask({})
  return root
}
