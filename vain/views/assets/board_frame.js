// What stands around the rows: status tabs, search and filters above, column headings, the pager below, and the two pages
// that help when there is nothing to show. Each part gives `root`, and `show` to bring it up to date.

const PAGE_SIZES = [25, 50, 100]
const TABS = [[null, "All"], ["pending", "Pending"], ["in-progress", "In progress"], ["completed", "Completed"]]

// A select in a frame of its own, for its arrow: `root` goes on the page, `select` holds the value.
function makeSelect(label, options, change, kind = "") {
  const select = h("select", {"aria-label": label, onchange: () => change(select.value || null)}, ...options.map(([value, text]) => h("option", {value, text})))
  return {select, root: h("span", {class: `select ${kind}`}, select, icon("unfold"))}
}

function makeToolbar(ask, openNew, locked, views, toggle) {
  const search = h("input", {type: "search", placeholder: "Search tasks", "aria-label": "Search tasks", "aria-keyshortcuts": "/", maxlength: 200})
  let pause = null
  search.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(() => ask({text: search.value, offset: 0}), 200) })
  const counts = new Map()
  const tabs = TABS.map(([status, title]) => {
    const count = h("span", {class: "count"})
    counts.set(status, count)
    return h("button", {type: "button", class: "tab", "data-status": status ?? "", onclick: () => ask({status, offset: 0, ...(status && status !== "completed" ? {outcome: null} : {})})},
      status ? icon(status === "completed" ? "succeeded" : status) : null, h("span", {text: title}), count)
  })
  const notes = h("span", {class: "notes"})
  const priority = makeSelect("Priority", [["", "Any priority"], ...Object.entries(PRIORITY_WORDS)], (value) => ask({priority: value, offset: 0}))
  const outcome = makeSelect("Outcome", [["", "Any outcome"], ...Object.entries(OUTCOME_WORDS)],
    (value) => ask({outcome: value, offset: 0, ...(value ? {status: null} : {})}))
  const trouble = makeSelect("Trouble", [["", "Any state"], ...Object.entries(TROUBLE_WORDS)], (value) => ask({trouble: value, offset: 0}))
  const since = makeSelect("Completed", [["", "Any day"], ...Object.entries(SINCE_WORDS)], (value) => ask({since: value, offset: 0}))
  const tag = h("input", {type: "text", class: "tag-filter", placeholder: "Any tag", "aria-label": "Tag", maxlength: 64, onchange: () => ask({tag: tag.value.trim() || null, offset: 0})})
  // Of one machine: a link of the hosts' page leads here, and a click leads back to all of them.
  const host = h("button", {type: "button", class: "host-filter", hidden: true, onclick: () => ask({host: null, offset: 0})})
  const orders = COLUMNS.flatMap(({title, sort}) => [[sort, `Sort: ${title}`], [opposite(sort), `Sort: ${title}, reversed`]])
  const order = makeSelect("Order", orders, (sort) => ask({sort, offset: 0}), "order")
  const create = locked ? null : h("button", {type: "button", class: "primary new", "aria-keyshortcuts": "n", onclick: openNew}, icon("plus"), h("span", {text: "New task"}), h("kbd", {text: "n", "aria-hidden": "true"}))
  // Where there is little room the filters stand behind a button, which says how many are set.
  const chosen = h("span", {class: "count"}), opener = h("button", {type: "button", class: "opener", "aria-controls": "board-filters", onclick: () => open(!root.hasAttribute("data-open"))}, icon("filter"), h("span", {text: "Filters"}), chosen)
  const filters = h("div", {class: "filters", id: "board-filters"}, h("label", {class: "search"}, icon("search"), search, h("kbd", {text: "/", "aria-hidden": "true"})), priority.root, outcome.root, trouble.root, since.root, tag, host, order.root)
  const root = h("div", {class: "toolbar"},
    h("div", {class: "tabs", role: "group", "aria-label": "Status"}, ...tabs), notes,
    h("div", {class: "tools"}, views.button, opener, filters, toggle.root, create))

  function open(isOpen) {
    root.toggleAttribute("data-open", isOpen)
    opener.setAttribute("aria-expanded", String(isOpen))
  }
  function reach() {
    open(true)
    search.focus()
  }
  open(false)

  function show(query) {
    for (const tab of tabs) tab.setAttribute("aria-pressed", String((tab.dataset.status || null) === query.status))
    if (search.getRootNode().activeElement !== search) search.value = query.text
    priority.select.value = query.priority ?? ""
    outcome.select.value = query.outcome ?? ""
    order.select.value = query.sort
    trouble.select.value = query.trouble ?? ""
    since.select.value = query.since ?? ""
    if (tag.getRootNode().activeElement !== tag) tag.value = query.tag ?? ""
    tag.classList.toggle("chosen", Boolean(query.tag))
    host.hidden = !query.host
    host.textContent = query.host ? `On ${query.host} ×` : ""
    host.setAttribute("aria-label", query.host ? `Only tasks on ${query.host}: show those of all hosts` : "")
    views.show()
    const number = [query.text, query.priority, query.outcome, query.trouble, query.since, query.tag, query.host].filter(Boolean).length
    chosen.textContent = number || ""
    opener.setAttribute("aria-label", number ? `Filters, ${number} set` : "Filters")
    for (const {select} of [priority, outcome, trouble, since]) select.classList.toggle("chosen", Boolean(select.value))
  }

  function showCounts(found) {
    const numbers = [[null, found.pending + found.in_progress + found.completed], ["pending", found.pending], ["in-progress", found.in_progress], ["completed", found.completed]]
    for (const [status, number] of numbers) counts.get(status).textContent = wholeNumber(number)
    notes.replaceChildren(
      ...(found.failed ? [h("span", {class: "bad"}, icon("failed"), `${wholeNumber(found.failed)} failed`)] : []),
      ...(found.overdue ? [h("span", {class: "late"}, icon("clock"), `${wholeNumber(found.overdue)} overdue`)] : []))
  }

  return {root, search, create, show, showCounts, reach}
}

// Table or columns: two buttons, of which one is pressed.
function makeToggle(choose) {
  const button = (form, text) => h("button", {type: "button", "data-form": form, "aria-label": text, title: text, onclick: () => choose(form)}, icon(form))
  const buttons = [button("table", "As a table"), button("columns", "As columns by status")]
  return {root: h("span", {class: "forms", role: "group", "aria-label": "Form"}, ...buttons),
    show(form) { for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.form === form)) }}
}

function makeHead(sortBy, box) {
  const cells = COLUMNS.map(({key, title, sort}) => h("th", {role: "columnheader", class: `cell ${key}`, "data-sort": sort.replace("-", "")},
    h("button", {type: "button", onclick: () => sortBy(sort)}, h("span", {text: title}), h("span", {class: "arrow"}))))
  const root = h("thead", {role: "rowgroup"}, h("tr", {role: "row"}, box ? h("th", {role: "columnheader", class: "cell choose"}, box) : null, ...cells, h("th", {role: "columnheader", class: "cell actions"}, h("span", {class: "unseen", text: "Actions"}))))
  function show(sort) {
    for (const cell of cells) {
      const chosen = cell.dataset.sort === sort.replace("-", ""), falling = sort.startsWith("-")
      if (chosen) cell.setAttribute("aria-sort", falling ? "descending" : "ascending")
      else cell.removeAttribute("aria-sort")
      cell.querySelector(".arrow").replaceChildren(...(chosen ? [icon(falling ? "down" : "up")] : []))
    }
  }
  return {root, show}
}

function makePager(ask) {
  const range = h("span", {class: "range"})
  const go = (name, label, offset) => h("button", {type: "button", class: "quiet", "aria-label": label, title: label, onclick: () => ask({offset: offset()})}, icon(name))
  let query = FIRST_QUERY, total = 0
  const lastOffset = () => Math.floor(Math.max(0, total - 1) / query.limit) * query.limit
  const back = [go("first", "First page", () => 0), go("previous", "Previous page", () => Math.max(0, query.offset - query.limit))]
  const forth = [go("next", "Next page", () => query.offset + query.limit), go("last", "Last page", lastOffset)]
  const size = makeSelect("Rows on a page", PAGE_SIZES.map((rows) => [rows, `${rows} rows`]), (rows) => ask({limit: Number(rows), offset: 0}))
  const root = h("nav", {class: "pager", "aria-label": "Pages of tasks"}, range, size.root, h("span", {class: "pages"}, ...back, ...forth))
  function show(next, rows, all, isColumns) {
    query = next
    total = all
    range.textContent = rows ? `${wholeNumber(query.offset + 1)}–${wholeNumber(query.offset + rows)} of ${wholeNumber(total)}` : "0 of 0"
    for (const button of back) button.disabled = query.offset === 0
    for (const button of forth) button.disabled = query.offset >= lastOffset()
    size.select.value = String(query.limit)
    root.hidden = !total || Boolean(isColumns)
  }
  return {root, show}
}

function makeCommand(text) {
  const copied = h("span", {role: "status", class: "copied"})
  async function copy() {
    try { await navigator.clipboard.writeText(text); copied.textContent = "Copied" }
    catch { copied.textContent = "Select the line and copy it" }
  }
  return h("div", {class: "command"}, h("code", {text, tabindex: "0"}), h("button", {type: "button", class: "quiet", "aria-label": "Copy the command", title: "Copy", onclick: copy}, icon("copy")), copied)
}

function makeEmpty(openNew, clear, {locked, linked}) {
  const curl = `curl ${location.origin}/tasks -H 'Content-Type: application/json' -d '{"name": "my first task"}'`
  const none = h("div", {class: "empty"}, h("h2", {text: "No tasks yet"}),
    h("p", {text: locked ? "What programs and other people report appears here at once." : "Make one here, or from any terminal or program; it appears at once."}),
    makeCommand("vain run -- python train.py"), linked ? makeCommand(curl) : null,
    locked ? null : h("button", {type: "button", class: "primary", onclick: openNew}, icon("plus"), h("span", {text: "New task"})))
  const which = h("p", {})
  const unmatched = h("div", {class: "empty"}, h("h2", {text: "No task matches"}), which,
    h("button", {type: "button", onclick: clear, text: "Clear search and filters"}))
  const show = (query) => { which.textContent = `What is asked for: ${filterWords(query).join(", ")}.` }
  return {none, unmatched, show}
}
