// The columns of the table of hosts: what stands in a cell, by what it is sorted, how it is drawn.
const FIELDS = ["name", "isServer", "isSilent", "seen", "cpu", "memory", "disk", "gpu", "load", "cores", "received", "sent", "tasks", "skew", "waiting", "version", "looks"]
const LOOKS = {w: "warning", c: "critical"}, SIGNS = {w: "▲ ", c: "◆ "}
const exactFormat = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "medium"})

const rowOf = (values) => Object.fromEntries(FIELDS.map((name, at) => [name, values[at]]))
const ago = (row, now) => row.seen == null ? "–" : now - row.seen < 15 ? "now" : `${ageOf(now - row.seen)} ago`
const silentFor = (row, now) => row.seen == null ? "▲ silent" : `▲ silent for ${ageOf(now - row.seen)}`
const bar = (value, most = 100) => value == null ? null : Math.max(0, Math.min(1, value / most))
const rate = (value) => value == null ? "–" : amountOf(value, "bytes/s")

// `first`: the direction of the first click. `of`: what is sorted by; unknown comes last either way. `share`: a bar from 0 to 1.
// `some`: the column is there only while a host has something in it.
const COLUMNS = [
  {key: "state", title: "State", first: -1, of: (row) => row.isSilent ? 1 : 0, text: (row, now) => row.isSilent ? silentFor(row, now) : "● live"},
  {key: "name", title: "Host", first: 1, of: (row) => row.name},
  ...[["cpu", "CPU"], ["memory", "Memory"], ["disk", "Disk"]].map(([key, title], place) => ({
    key, title, isNumber: true, first: -1, of: (row) => row[key], text: (row) => row[key] == null ? "–" : `${SIGNS[row.looks[place]] ?? ""}${percentOf(row[key])}`,
    share: (row) => bar(row[key]), look: (row) => LOOKS[row.looks[place]] ?? "",
    ...(key === "disk" ? {help: "The fullest of its file systems"} : {}),
  })),
  {key: "gpu", title: "GPU", isNumber: true, some: true, first: -1, help: "The mean of its GPUs", of: (row) => row.gpu, text: (row) => row.gpu == null ? "–" : percentOf(row.gpu), share: (row) => bar(row.gpu)},
  {key: "load", title: "Load", isNumber: true, first: -1, help: "Runnable and waiting processes, mean of the last minute; the bar is its share of the cores", of: (row) => row.load,
    text: (row) => row.load == null ? "–" : row.load.toFixed(row.load < 99.95 ? 2 : 0), share: (row) => bar(row.load, row.cores || 1), tip: (row) => row.cores == null ? "" : `${row.cores} cores`},
  {key: "received", title: "In", isNumber: true, first: -1, help: "What comes in over its network", of: (row) => row.received, text: (row) => rate(row.received)},
  {key: "sent", title: "Out", isNumber: true, first: -1, help: "What goes out over its network", of: (row) => row.sent, text: (row) => rate(row.sent)},
  {key: "tasks", title: "Tasks", isNumber: true, first: -1, help: "In progress", of: (row) => row.tasks, text: (row) => row.tasks.toLocaleString()},
  {key: "skew", title: "Clock", isNumber: true, some: true, first: -1, help: "How far its clock is ahead of the server's, where that is more than half a second", of: (row) => row.skew == null ? null : Math.abs(row.skew),
    text: (row) => row.skew == null ? "" : `▲ ${row.skew > 0 ? "+" : "−"}${Math.abs(row.skew) < 100 ? `${Math.abs(row.skew).toFixed(1)} s` : ageOf(Math.abs(row.skew))}`, look: (row) => row.skew == null ? "" : "warning"},
  {key: "waiting", title: "To come", isNumber: true, some: true, first: -1, help: "Samples that are still on the host, because the server was away", of: (row) => row.waiting || null, text: (row) => row.waiting ? row.waiting.toLocaleString() : ""},
  {key: "version", title: "Version", first: 1, of: (row) => row.version || null, text: (row) => row.version || "–", tip: (row) => row.version},
  {key: "seen", title: "Last heard", isNumber: true, first: 1, of: (row) => row.seen, text: ago, tip: (row) => row.seen == null ? "" : exactFormat.format(new Date(row.seen * 1000))},
]
const collator = new Intl.Collator(undefined, {numeric: true})

// Silent hosts, then by CPU: who needs somebody to look. Equal ones by name, whichever way.
function comparing({key, direction}) {
  const column = COLUMNS.find((one) => one.key === key), values = (row) => key === "state" ? [row.isSilent ? 1 : 0, row.cpu] : [column.of(row)]
  const by = (a, b) => a == null || b == null ? (a == null) - (b == null) : (typeof a === "string" ? collator.compare(a, b) : a - b) * direction
  return (one, other) => {
    const [left, right] = [values(one), values(other)]
    for (let at = 0; at < left.length; at++) { const order = by(left[at], right[at]); if (order) return order }
    return collator.compare(one.name, other.name)
  }
}

function makeCell(column) {
  const cell = make("td", `${column.key}${column.isNumber ? " number" : ""}`)
  if (column.key === "name") cell.append(make("a"), make("span", "what"))
  else if (column.key === "tasks") cell.append(make("a"))
  else cell.append(make("span", "text"))
  if (column.share) cell.append(make("span", "bar", make("span", "fill")))
  return cell
}

function fillCell(cell, column, row, now) {
  if (column.key === "name") {
    setText(cell.firstChild, row.name)
    cell.title = row.name
    cell.firstChild.href = ofHost("./machine", row.name, row.isServer)
    setText(cell.lastChild, row.isServer ? "server" : "")
    return
  }
  setText(cell.firstChild, column.text(row, now))
  if (column.key === "tasks" && !row.tasks) cell.firstChild.removeAttribute("href")
  else if (column.key === "tasks") cell.firstChild.href = `./board?${new URLSearchParams({status: "in-progress", host: row.name})}`
  if (column.share) {
    const share = column.share(row)
    cell.lastChild.hidden = share == null
    cell.lastChild.firstChild.style.transform = `scaleX(${(share ?? 0).toFixed(3)})`
  }
  const look = column.key === "state" ? (row.isSilent ? "silent" : "live") : column.look?.(row) ?? ""
  if (cell.dataset.look !== look) cell.dataset.look = look
  if (column.tip && cell.title !== column.tip(row)) cell.title = column.tip(row)
}
