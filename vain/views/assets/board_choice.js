// What is selected, and the bar that changes all of it at once; and the line that says what came of a change.

const LARGEST_BULK = 500

// `order()`: the tasks shown, in order. `total()`: how many match. `send(intent)` resolves to the answer.
function makeChoice({order, total, entry, send, menu, root, tell}) {
  const chosen = new Set()
  let last = null, matching = false
  const number = () => matching ? total() : chosen.size
  const count = h("b", {}), every = h("button", {type: "button", class: "link", onclick: () => { matching = true; show() }})
  const button = (name, sign, text, onclick, kind = "") => h("button", {type: "button", class: kind, "data-act": name, "aria-haspopup": name === "all-complete" || name === "all-priority" ? "menu" : null, onclick}, icon(sign), h("span", {text}))
  const bar = h("div", {class: "bulk", role: "toolbar", "aria-label": "Change what is selected", hidden: true}, count, every,
    button("all-complete", "check", "Complete", (event) => openChoices(event.currentTarget, "Complete with outcome", OUTCOME_WORDS, (outcome) => ({status: "completed", outcome}))),
    button("all-reopen", "pending", "Reopen", () => runNow("set", {status: "pending"})),
    button("all-priority", "high", "Priority", (event) => openChoices(event.currentTarget, "Priority", PRIORITY_WORDS, (priority) => ({priority}))),
    button("all-tag", "plus", "Add tag", askTag), button("all-delete", "delete", "Delete", askDelete, "danger"),
    h("button", {type: "button", class: "quiet", "aria-label": "Select nothing", title: "Select nothing (Esc)", onclick: clear}, icon("close")))

  function show() {
    bar.hidden = !chosen.size
    const rows = order(), more = rows.length > 0 && rows.every((id) => chosen.has(id)) && total() > rows.length && !matching
    count.textContent = `${wholeNumber(number())} selected${matching && total() > LARGEST_BULK ? `, ${LARGEST_BULK} at a time` : ""}`
    every.hidden = !more
    every.textContent = `Select all ${wholeNumber(total())} that match`
    for (const id of rows) {
      const one = entry(id)
      if (!one) continue
      one.box.checked = chosen.has(id)
      one.row.toggleAttribute("data-chosen", chosen.has(id))
    }
    head.checked = rows.length > 0 && rows.every((id) => chosen.has(id))
    head.indeterminate = !head.checked && chosen.size > 0
  }
  const head = h("input", {type: "checkbox", "aria-label": "Select all on this page", onchange: () => { matching = false; for (const id of order()) head.checked ? chosen.add(id) : chosen.delete(id); show() }})

  function toggle(id, isRange) {
    const rows = order(), from = rows.indexOf(last), to = rows.indexOf(id), isOn = !chosen.has(id)
    const reach = isRange && from >= 0 ? rows.slice(Math.min(from, to), Math.max(from, to) + 1) : [id]
    for (const one of reach) isOn ? chosen.add(one) : chosen.delete(one)
    matching = false
    last = id
    show()
  }
  function clear() { chosen.clear(); matching = false; last = null; show() }
  // What is no longer shown is no longer selected: nobody changes what they do not see.
  function keep() {
    const shown = new Set(order())
    for (const id of chosen) if (!shown.has(id)) chosen.delete(id)
    if (!chosen.size) matching = false
    show()
  }

  async function run(action, fields = {}) {
    const answer = await send({action, fields, ...(matching ? {matching: true} : {tasks: [...chosen]})})
    if (answer.ok) { tell(summary(answer, action === "delete" ? "deleted" : "changed"), answer.refused.length > 0); clear() }
    return answer
  }
  async function runNow(action, fields) {
    const answer = await run(action, fields)
    if (!answer.ok) tell(sentenceOf(answer), true)
  }
  function openChoices(anchor, title, words, fieldsOf) {
    menu.open(anchor, title, [{title, items: Object.entries(words).map(([word, text]) => ({word: text, icon: word, run: () => run("set", fieldsOf(word))}))}])
  }
  function askTag(event) {
    const back = event.currentTarget
    openQuestion(root, {title: `Add a tag to ${countWord(number())}`, label: "Tag", verb: "Add", run: (text) => run("tag", {tags: [text.trim()].filter(Boolean)}), closed: () => back.focus()})
  }
  function askDelete(event) {
    const back = event.currentTarget
    const text = matching && total() > LARGEST_BULK ? `The first ${LARGEST_BULK} of the ${wholeNumber(total())} tasks that match.` : `${countWord(number())}, whether they run or not.`
    openConfirmation(root, {title: `Delete ${countWord(Math.min(number(), LARGEST_BULK))}?`, text, verb: "Delete", run: () => run("delete"), closed: () => back.focus()})
  }
  return {bar, head, toggle, clear, keep, isAny: () => chosen.size > 0}
}

const countWord = (number) => number === 1 ? "1 task" : `${wholeNumber(number)} tasks`

// "17 changed, 1 refused: There is no task 9. (#9)"
function summary({changed, refused, left}, verb) {
  const said = refused.map(({detail, tasks}) => `${detail} (${tasks.slice(0, 3).map((id) => `#${id}`).join(", ")}${tasks.length > 3 ? "…" : ""})`)
  const number = refused.reduce((sum, {tasks}) => sum + tasks.length, 0)
  return [`${wholeNumber(changed)} ${verb}`, number && `${wholeNumber(number)} refused: ${said.slice(0, 2).join(" ")}`, left && `${wholeNumber(left)} more match and were left as they are`].filter(Boolean).join(", ")
}

// One line above everything, with what can still be done about it. It goes by itself, unless the hand is on it.
const NOTICE_SECONDS = 15
function makeNotice() {
  const text = h("span", {role: "status"}), actions = h("span", {class: "offers"})
  const root = h("div", {class: "notice", hidden: true}, text, actions, h("button", {type: "button", class: "quiet", "aria-label": "Close the message", onclick: close}, icon("close")))
  let timer = null
  function close() { clearTimeout(timer); root.hidden = true }
  function tell(words, isBad = false, offers = []) {
    clearTimeout(timer)
    root.hidden = false
    text.textContent = words
    root.toggleAttribute("data-bad", isBad)
    actions.replaceChildren(...offers.map(({word, run}) => h("button", {type: "button", onclick: () => { close(); run() }, text: word})))
    if (!isBad) timer = setTimeout(() => { if (root.matches(":hover, :focus-within")) tell(words, isBad, offers); else close() }, NOTICE_SECONDS * 1000)
  }
  return {root, tell, close}
}
