// What the board shows stands in its address: filters, order, page and form. A link and the back button keep them.

const FIRST_QUERY = {status: null, priority: null, outcome: null, trouble: null, tag: null, host: null, since: null, text: "", sort: "-created_at", limit: 50, offset: 0}
const NO_FILTERS = {status: null, priority: null, outcome: null, trouble: null, tag: null, host: null, since: null, text: "", offset: 0}
const TROUBLE_WORDS = {"stale": "Stale", "overdue": "Overdue", "late": "Stale or overdue", "failed": "Failed", "any": "In trouble"}
const SINCE_WORDS = {"today": "Completed today"}

function queryFromWords(words) {
  const query = {...FIRST_QUERY}
  const oneOf = (name, known) => { const word = words.get(name); if (word !== null && Object.hasOwn(known, word)) query[name] = word }
  oneOf("status", STATUS_WORDS); oneOf("priority", PRIORITY_WORDS); oneOf("outcome", OUTCOME_WORDS)
  oneOf("trouble", TROUBLE_WORDS); oneOf("since", SINCE_WORDS)
  query.text = (words.get("q") ?? "").slice(0, 200)
  query.tag = (words.get("tag") ?? "").slice(0, 64) || null
  query.host = (words.get("host") ?? "").slice(0, 255) || null
  if (COLUMNS.some((column) => column.sort.replace("-", "") === (words.get("sort") ?? "").replace("-", ""))) query.sort = words.get("sort")
  const page = Number(words.get("page"))
  if (Number.isInteger(page) && page > 1 && page < 1e9) query.offset = (page - 1) * query.limit
  return query
}

// The words that differ from a board nobody has touched. A saved view keeps them without the page.
function wordsOf(query, withPage = true) {
  const page = Math.floor(query.offset / query.limit) + 1
  const {status, priority, outcome, trouble, tag, host, since} = query
  return {status, priority, outcome, trouble, tag, host, since, q: query.text,
    sort: query.sort === FIRST_QUERY.sort ? null : query.sort, page: withPage && page > 1 ? page : null}
}

// `isStep`: the back button comes back to what was shown before.
function queryToAddress(query, isColumns, isStep) {
  const address = new URL(location.href)
  for (const [name, word] of Object.entries({...wordsOf(query), as: isColumns ? "columns" : null}))
    if (word) address.searchParams.set(name, word); else address.searchParams.delete(name)
  if (address.href === location.href) return
  if (isStep) history.pushState(null, "", address); else history.replaceState(history.state, "", address)
}

// What is sent: "today" becomes this browser's midnight.
function sentQuery({since, ...query}) {
  return {...query, completed_after: since === "today" ? new Date(new Date().setHours(0, 0, 0, 0)).toISOString() : null}
}

// The filters that are on, in words.
function filterWords(query) {
  return [query.text && `“${query.text}”`, query.tag && `tag “${query.tag}”`, query.host && `on ${query.host}`, STATUS_WORDS[query.status], PRIORITY_WORDS[query.priority] && `${PRIORITY_WORDS[query.priority]} priority`,
    OUTCOME_WORDS[query.outcome], TROUBLE_WORDS[query.trouble], SINCE_WORDS[query.since]].filter(Boolean)
}

// What a browser remembers; one that forbids it remembers nothing.
function remembered(key) { try { return localStorage.getItem(key) } catch { return null } }
function remember(key, text) { try { localStorage.setItem(key, text); return true } catch { return false } }
