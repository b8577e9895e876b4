// The table of rules. Titles and names are somebody's words: they are set as text, never parsed.
const NOT_YOURS = "Only an administrator can change rules.", OF_THE_FILE = "This rule is in the administrator's file and can only be changed there."

export function render({model}) {
  const root = make("div", "rules"), trouble = make("p", "trouble"), table = make("table"), body = make("tbody"), scroll = make("div", "scroll", table)
  const count = make("span", "count"), fresh = action("New rule", "primary", () => open(null)), tools = make("div", "tools", count, ...(model.may_change ? [fresh] : []))
  trouble.setAttribute("role", "alert")
  const head = make("tr", "", ...["On", "Rule", "Level", "From", "State", ""].map((text) => Object.assign(make("th", "", text || make("span", "unseen", "Actions")), {scope: "col"})))
  table.append(make("thead", "", head), body)
  root.append(tools, trouble, scroll)
  const waiting = new Map()
  let request = 0, asking = null, wrong = ""

  function change(what) {
    request += 1
    model.send_msg({change: {request, ...what}})
    return new Promise((resolve) => waiting.set(request, resolve))
  }

  async function simply(what) {
    const {detail} = await change(what)
    wrong = detail
    asking = null
    renew()
  }

  function open(row) {
    const locked = row?.origin === "file" ? OF_THE_FILE : model.may_change ? "" : NOT_YOURS, key = row ? `edit-${row.rule.name}` : null
    const closed = () => (key ? root.querySelector(`[data-key="${CSS.escape(key)}"]`) : fresh)?.focus()
    openRuleEditor({root, model, row, locked, save: (put) => change({put}), closed})
  }

  function switchOf(row) {
    const made = Object.assign(make("input", "switch"), {type: "checkbox", checked: row.rule.enabled, disabled: !model.may_change || row.origin === "file"})
    made.setAttribute("role", "switch")
    made.setAttribute("aria-label", `On: ${row.title}`)
    made.dataset.key = `switch-${row.rule.name}`
    if (row.origin === "file") made.title = OF_THE_FILE
    made.onchange = () => simply({switch: {name: row.rule.name, enabled: made.checked}})
    return made
  }

  function keyed(button, key, label) {
    button.dataset.key = key
    button.setAttribute("aria-label", label)
    return button
  }

  function actionsOf(row) {
    const name = row.rule.name, may = model.may_change && row.origin !== "file", box = make("div", "actions")
    if (asking === name) {
      box.append(make("span", "question", row.is_ours ? "Back to vAIn's own?" : "Delete it?"), keyed(action(row.is_ours ? "Yes, back" : "Yes, delete", "danger", () => simply({drop: name})), `yes-${name}`, `Yes: ${row.title}`),
        keyed(action("No", "", () => { asking = null; renew(`drop-${name}`) }), `no-${name}`, `No: ${row.title}`))
      return box
    }
    box.append(keyed(action(may ? "Edit" : "Show", "", () => open(row)), `edit-${name}`, `${may ? "Edit" : "Show"}: ${row.title}`))
    if (may && row.origin === "api") box.append(keyed(action(row.is_ours ? "Reset" : "Delete", "", () => { asking = name; renew(`no-${name}`) }), `drop-${name}`, `${row.is_ours ? "Reset" : "Delete"}: ${row.title}`))
    return box
  }

  function rowOf(row) {
    const {rule} = row, state = !rule.enabled ? "off" : row.firing ? (row.firing === 1 ? "fires" : `fires for ${row.firing}`) : "quiet"
    const words = row.title.toLowerCase() === row.words.toLowerCase() ? [] : [make("p", "condition", row.words)]
    const title = make("th", "rule", make("p", "title", row.title), ...words, make("p", "name", rule.name))
    title.scope = "row"
    const made = make("tr", rule.enabled ? "" : "is-off", make("td", "on", switchOf(row)), title, make("td", "", LEVEL_WORDS[rule.level] ?? rule.level), make("td", "", row.from),
      make("td", "", make("span", `state${row.firing && rule.enabled ? ` is-${rule.level}` : ""}`, state)), make("td", "end", actionsOf(row)))
    made.dataset.rule = rule.name
    return made
  }

  function renew(focus) {
    const {rules, trouble: unread} = model.shown, key = focus ?? root.getRootNode().activeElement?.dataset?.key
    setText(trouble, wrong || unread || "")
    trouble.hidden = !trouble.textContent
    setText(count, rules ? `${rules.length} rules, ${rules.filter(({rule}) => rule.enabled).length} on` : unread ? "" : "Reading…")
    scroll.hidden = !rules
    body.replaceChildren(...(rules ?? []).map(rowOf))
    if (key && !root.querySelector("dialog")) root.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({preventScroll: true})
  }

  function answered() {
    const {request: answers} = model.answer
    waiting.get(answers)?.(model.answer)
    waiting.delete(answers)
  }

  renew()
  model.on("shown", () => renew())
  model.on("answer", answered)
  return root
}
