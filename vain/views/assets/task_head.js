// How the task stands, its card in words, and what may be done to it. Everything that a person wrote is set as text.
const ACTION_WORDS = {start: "Start", complete: "Complete", fail: "Fail", cancel: "Cancel", reopen: "Reopen"}
const RESTS_MILLISECONDS = 1500

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = h("textarea", {value: text})
  document.body.append(area)
  area.select()
  document.execCommand("copy")
  area.remove()
}

function copyButton(words, textOf) {
  const button = h("button", {type: "button", text: words, onclick: async () => {
    try { await copy(textOf()); button.textContent = "Copied" } catch { button.textContent = "Not allowed here" }
    setTimeout(() => { button.textContent = words }, RESTS_MILLISECONDS)
  }})
  return button
}

const timeOf = (at) => h("time", {datetime: at, title: exactTime(at), text: momentOf(new Date(at), 1)})
const taskLink = ({task_id, name, sign, word}) => h("a", {href: `./task?id=${task_id}`, title: word ?? null, text: [sign, name ?? `#${task_id}`].filter(Boolean).join(" ")})
const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`
const curlOf = ({task_id}) => `curl -X PUT ${location.origin}/tasks/${task_id} -H 'Content-Type: application/json' -d '{"status": "completed"}'`

function facts(task) {
  const rows = []
  const add = (name, ...values) => rows.push(h("div", {}, h("dt", {text: name}), h("dd", {}, ...values)))
  add("Created", timeOf(task.created_at), task.waited ? h("small", {text: ` waited ${task.waited}`}) : null)
  if (task.started_at) add("Started", timeOf(task.started_at), task.attempt > 1 ? h("small", {text: ` attempt ${task.attempt}`}) : null)
  if (task.completed_at) add("Ended", timeOf(task.completed_at), h("small", {text: ` took ${task.ran}`}))
  else if (task.eta) add("Ends", h("time", {datetime: task.eta.at, title: `from ${task.eta.basis}`, text: spanOf(new Date(task.eta.low), new Date(task.eta.high), 60)}))
  if (task.due_at) add("Due", timeOf(task.due_at))
  const {host, pid, command, kind} = task.source ?? {}
  if (host || pid) add("Runs on", [host, pid == null ? null : `process ${pid}`, kind].filter(Boolean).join(" · "))
  if (command) add("Command", h("code", {text: command, title: command}))
  if (task.key) add("Key", h("code", {text: task.key}))
  if (task.exit_code != null) add("Exit code", String(task.exit_code))
  if (task.parent) add("Part of", taskLink(task.parent))
  if (task.children.length) add("Parts", ...task.children.flatMap((each, index) => index ? [", ", taskLink(each)] : [taskLink(each)]))
  for (const [name, value] of Object.entries(task.metadata)) add(name, String(value))
  return rows
}

function errorOf({error}, isOpen) {
  if (!error) return null
  const line = h("p", {class: "critical", text: [error.type, error.message].filter(Boolean).join(": ")})
  if (!error.traceback) return h("div", {class: "error"}, line)
  return h("div", {class: "error"}, line, h("details", {open: isOpen}, h("summary", {text: "Traceback"}), h("pre", {tabindex: "0", text: error.traceback})))
}

function warnings(task) {
  const told = []
  if (task.stale) told.push(`It did not report in time${task.heartbeat_at ? `; it was last heard of ${momentOf(new Date(task.heartbeat_at), 1)}` : ""}.`)
  if (task.overdue) told.push("It is overdue.")
  return told.map((text) => h("p", {class: "warning", text}))
}

function progressOf(task) {
  if (task.progress == null || task.status === "pending") return null
  const percent = `${Math.round(task.progress * 10) / 10} %`
  const bar = h("span", {class: "bar", "data-look": task.look, role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(task.progress)}, h("span"))
  bar.firstChild.style.width = `${task.progress}%`
  return h("div", {class: "progress"}, bar, h("span", {class: "figure", text: percent}), task.amount ? h("small", {text: task.amount}) : null)
}

export function render({model, view}) {
  view.head_teardown?.()
  const trouble = h("p", {class: "critical", role: "status"}), body = h("div")
  const root = h("div", {class: "task"}, trouble, body)

  function buttons(task) {
    const act = (action) => h("button", {type: "button", "data-action": action, text: ACTION_WORDS[action], onclick: () => { trouble.textContent = ""; model.send_msg({action}) }})
    const {command} = task.source ?? {}
    return h("div", {class: "actions"},
      ...task.actions.map(act),
      h("a", {class: "button", href: `./?${new URLSearchParams({...(task.elsewhere ? {host: task.elsewhere} : {}), after: task.after, before: task.before})}`, text: "On the timeline"}),
      command ? copyButton("Copy command", () => command) : null,
      copyButton("Copy curl", () => curlOf(task)))
  }

  function card(task) {
    if (!task.said.length) return h("div", {class: "card"}, h("p", {class: "none", text: task.status === "pending" ? "It has not been started. What it uses is told here once it runs." : "Nothing is known yet of what it used."}))
    const heading = task.status === "in-progress" ? "So far" : "In the end"
    return h("div", {class: "card"},
      h("div", {class: "cardhead"}, h("h2", {text: heading}), copyButton("Copy as Markdown", () => task.markdown)),
      h("dl", {}, ...task.said.map(([topic, text]) => h("div", {}, h("dt", {text: topic}), h("dd", {text})))))
  }

  const hostLink = (task, name) => task.known_hosts.includes(name)
    ? h("a", {href: `./?${new URLSearchParams({host: name, after: task.after, before: task.before})}`, title: `${name} on its timeline`, text: name}) : name

  // A scroll of its own: on a narrow screen the figures of a host stay in one line.
  function hosts(task) {
    if (!task.hosts.length) return null
    const [headings, ...rows] = task.hosts
    const cell = (text, column) => column ? h("td", {text}) : h("th", {scope: "row"}, hostLink(task, text))
    return h("div", {class: "perhost"}, h("h2", {text: "On each host"}),
      h("div", {class: "wide", tabindex: "0", role: "region", "aria-label": "On each host"}, h("table", {},
        h("thead", {}, h("tr", {}, ...headings.map((text) => h("th", {scope: "col", text})))),
        h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell)))))),
      task.more_hosts ? h("p", {class: "none", text: `and ${task.more_hosts} that used less`}) : null)
  }

  function whole(task) {
    const isOpen = root.querySelector("details")?.open ?? false
    document.documentElement.dataset.task = String(task.task_id)
    return [
      h("div", {class: "title"}, h("span", {class: "sign", "data-look": task.look, text: task.sign, "aria-hidden": "true"}),
        h("h1", {text: task.name}), h("span", {class: "word", "data-look": task.look, text: task.word}),
        h("small", {text: `#${task.task_id}`}), h("small", {text: `${task.priority} priority`}), ...task.tags.map((text) => h("span", {class: "tag", text}))),
      ...warnings(task), progressOf(task),
      task.message ? h("p", {class: "message", text: task.message}) : null,
      task.description ? h("p", {class: "description", text: task.description}) : null,
      errorOf(task, isOpen), buttons(task),
      h("div", {class: "columns"}, card(task), h("dl", {class: "facts"}, ...facts(task))), hosts(task),
    ].filter(Boolean)
  }

  function renew() {
    const task = model.shown, focused = root.getRootNode().activeElement?.textContent
    const parts = []
    if (task.missing && task.task_id == null) document.documentElement.dataset.task = "none"
    if (task.missing) parts.push(h("div", {class: "missing", role: "status"}, h("h1", {text: task.missing}), h("p", {text: task.why}),
      h("p", {}, h("a", {href: "./board", text: "All tasks on the board"}))))
    if (task.task_id != null) parts.push(...whole(task))
    if (!parts.length) parts.push(h("p", {class: "none", role: "status", text: "Reading the task…"}))
    body.replaceChildren(...parts)
    if (focused) [...body.querySelectorAll("button, a, summary")].find((each) => each.textContent === focused)?.focus()
  }

  const tell = () => { trouble.textContent = model.trouble.detail ?? "" }
  const seen = () => model.send_msg({seen: !document.hidden})
  model.on("shown", renew)
  model.on("trouble", tell)
  document.addEventListener("visibilitychange", seen)
  view.head_teardown = () => {
    document.removeEventListener("visibilitychange", seen)
    model.off("shown", renew)
    model.off("trouble", tell)
  }
  model.on("remove", view.head_teardown)
  if (document.hidden) setTimeout(seen)
  renew()
  return root
}
