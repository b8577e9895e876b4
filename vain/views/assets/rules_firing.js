// What fires now, and the silences. Titles and subjects are somebody's words: they are set as text, never parsed.
const LEVELS = {info: "Info", warning: "▲ Warning", error: "◆ Error"}
const HOUR = 3600, MORNING = 8, SOONEST_MORNING = 10 * 60

function untilMorning() {
  const now = new Date(), at = new Date(now)
  at.setDate(at.getDate() + 1)
  at.setHours(MORNING, 0, 0, 0)
  return [at, Math.max(SOONEST_MORNING, (at - now) / 1000)]
}

const lasted = (since) => lengthOf(Math.max(0, Math.round((Date.now() - new Date(since)) / 60000)) * 60 || Math.max(1, Math.round((Date.now() - new Date(since)) / 1000)))

function press(text, key, label, onclick) {
  const made = make("button", "", text)
  made.type = "button"
  made.dataset.key = key
  made.setAttribute("aria-label", label)
  made.onclick = onclick
  return made
}

function titleOf(alert) {
  const title = make("p", "title")
  if (alert.task_id == null) { title.append(alert.title); return title }
  const link = make("a", "", alert.title)
  link.href = `./task?id=${alert.task_id}`
  title.append(link)
  return title
}

function toldWords(alert) {
  if (alert.acknowledged_at) return `acknowledged ${momentOf(new Date(alert.acknowledged_at), 60)}, not told again`
  if (alert.is_silenced) return alert.told ? "silenced" : "silenced, nobody was told"
  return alert.told > 1 ? `told ${alert.told} times` : alert.told ? "told once" : "nobody was told yet"
}

export function render({model}) {
  const root = make("div", "firing"), trouble = make("p", "trouble"), empty = make("p", "empty"), list = make("ul", "alerts"), quiet = make("div", "quiet")
  trouble.setAttribute("role", "status")
  empty.setAttribute("role", "status")
  root.append(trouble, empty, list, quiet)

  const silence = ({rule, subject}, seconds) => model.send_msg({silence: {rule, subject, seconds}})

  function buttonsOf(alert) {
    const box = make("div", "buttons"), what = `${alert.title}, ${alert.about}`, key = `${alert.rule}\n${alert.subject}`
    const link = make("a", "moment", "Show the moment")
    link.href = alert.moment
    link.setAttribute("aria-label", `Show the moment on the timeline: ${what}`)
    box.append(link)
    if (!model.may_write) return box
    if (!alert.acknowledged_at) box.append(press("Acknowledge", `a-${key}`, `Acknowledge: ${what}`, () => model.send_msg({acknowledge: alert.notification_id})))
    if (alert.is_silenced) return box
    const [at, seconds] = untilMorning(), choices = make("span", "choices", make("span", "word", "Silence"))
    choices.setAttribute("role", "group")
    choices.setAttribute("aria-label", `Silence: ${what}`)
    choices.append(
      press("1 h", `1-${key}`, `Silence for 1 hour: ${what}`, () => silence(alert, HOUR)),
      press("8 h", `8-${key}`, `Silence for 8 hours: ${what}`, () => silence(alert, 8 * HOUR)),
      press("until tomorrow", `t-${key}`, `Silence until tomorrow, ${clockOf(at, 60)}: ${what}`, () => silence(alert, seconds)))
    box.append(choices)
    return box
  }

  function rowOf(alert) {
    const row = make("li", `is-${alert.level}${alert.is_silenced || alert.acknowledged_at ? " is-known" : ""}`)
    const state = make("p", "state", make("strong", "", alert.about), alert.words ? ` ${alert.words}` : "")
    const since = make("span", "since", `for ${lasted(alert.since)}`)
    since.dataset.since = alert.since
    since.title = new Date(alert.since).toLocaleString()
    row.append(make("span", "level", LEVELS[alert.level] ?? alert.level),
      make("div", "words", titleOf(alert), state, make("p", "facts", since, " · ", toldWords(alert))), buttonsOf(alert))
    return row
  }

  function silenceOf(each) {
    const when = each.recurring || `until ${momentOf(new Date(each.until), 60)}`
    const row = make("li", "", make("span", "", `${each.whose}: silent ${when}${each.recurring && each.in_force ? ", now" : ""}`))
    if (each.comment) row.append(make("span", "comment", each.comment))
    if (each.is_of_file) row.append(make("span", "comment", "in the administrator's file"))
    else if (model.may_write) row.append(press("End", `s-${each.silence_id}`, `End the silence: ${each.whose}`, () => model.send_msg({end: each.silence_id})))
    return row
  }

  function renew() {
    const focused = root.getRootNode().activeElement?.dataset?.key
    const {alerts, silences = [], watching, trouble: wrong} = model.shown
    const told = model.refused || wrong || ""
    setText(trouble, told)
    trouble.hidden = !told
    list.replaceChildren(...(alerts ?? []).map(rowOf))
    list.hidden = !alerts?.length
    setText(empty, alerts && !alerts.length ? `Nothing fires. ${watching === 1 ? "One rule watches" : `${watching} rules watch`} this machine.` : alerts ? "" : "Reading…")
    empty.hidden = Boolean(alerts?.length) || (!alerts && Boolean(wrong))
    quiet.hidden = !silences.length
    quiet.replaceChildren(make("h3", "", "Silences"), make("ul", "", ...silences.map(silenceOf)))
    if (focused) (root.querySelector(`[data-key="${CSS.escape(focused)}"]`) ?? root.querySelector("button, a"))?.focus({preventScroll: true})
  }

  renew()
  model.on("shown", renew)
  model.on("refused", renew)
  const timer = setInterval(() => {
    if (!document.hidden) for (const since of root.querySelectorAll("[data-since]")) setText(since, `for ${lasted(since.dataset.since)}`)
  }, 20000)
  model.on("remove", () => clearInterval(timer))
  return root
}
