// Views: named sets of filters. Some are built in; others a person saves, in this browser.

const VIEWS_KEY = "vain-board-views"
const MOST_VIEWS = 30
const BUILT_IN = [
  {name: "All tasks", words: "", sign: "pending"},
  {name: "Running", words: "status=in-progress&sort=-updated_at", sign: "in-progress"},
  {name: "Failed today", words: "trouble=failed&since=today", sign: "failed"},
  {name: "Stale or overdue", words: "trouble=late", sign: "clock"},
]

function savedViews() {
  try {
    const views = JSON.parse(remembered(VIEWS_KEY) ?? "[]")
    return views.filter((view) => typeof view?.name === "string" && typeof view?.words === "string").slice(0, MOST_VIEWS)
  } catch { return [] }
}

const viewWords = (query) => new URLSearchParams(Object.entries(wordsOf(query, false)).filter(([, word]) => word)).toString()
const isShown = (view, query) => viewWords(queryFromWords(new URLSearchParams(view.words))) === viewWords(query)

// The button that names the view that is shown. `choose(query)` shows another.
function makeViews(menu, current, choose, root) {
  const name = h("span", {}), button = h("button", {type: "button", class: "views", "data-act": "views", "aria-haspopup": "menu", onclick: open}, icon("view"), name, icon("unfold"))
  const done = Promise.resolve({ok: true, flaws: []})
  const item = (view, sign) => ({word: view.name, icon: sign, checked: isShown(view, current()),
    run: () => { choose(queryFromWords(new URLSearchParams(view.words))); return done }})

  function keep(views) {
    if (!remember(VIEWS_KEY, JSON.stringify(views))) return {ok: false, flaws: [], detail: "This browser does not let the page remember anything."}
    show()
    return {ok: true}
  }
  function save(given) {
    const said = given.trim().slice(0, 60), views = savedViews().filter((view) => view.name !== said)
    if (!said) return {ok: false, flaws: [], detail: "A view needs a name."}
    if (views.length >= MOST_VIEWS) return {ok: false, flaws: [], detail: `At most ${MOST_VIEWS} views are kept: delete one first.`}
    return keep([...views, {name: said, words: viewWords(current())}])
  }

  function open() {
    const saved = savedViews(), shown = saved.find((view) => isShown(view, current()))
    menu.open(button, "Views", [
      {items: BUILT_IN.map((view) => item(view, view.sign))},
      {title: saved.length ? "Saved in this browser" : "Saved in this browser: none yet", items: saved.map((view) => item(view, "view"))},
      {title: "This view", items: [
        {word: "Save these filters…", icon: "plus", run: () => { setTimeout(ask); return done }},
        ...(shown ? [{word: `Delete “${shown.name}”`, icon: "delete", run: async () => keep(saved.filter((view) => view.name !== shown.name))}] : [])]}])
  }

  function ask() {
    openQuestion(root, {title: "Save these filters", label: "Name", hint: "kept in this browser", verb: "Save", run: async (text) => save(text), closed: () => button.focus()})
  }

  function show() {
    const view = [...savedViews(), ...BUILT_IN].find((known) => isShown(known, current()))
    name.textContent = view?.name ?? "Own filters"
    button.setAttribute("aria-label", `View: ${name.textContent}`)
  }
  return {button, show}
}
