// The end of the task's output. It asks for what comes after what it has, while it is looked at and the task runs.
const ASK_MILLISECONDS = 2000, MOST_CHARACTERS = 256 * 1024, AT_END_PIXELS = 24
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g
// A line that was written over by a carriage return shows what was written last.
const plainOf = (text) => text.replace(ESCAPES, "").replace(/\r+\n/g, "\n").replace(/[^\n]*\r(?=[^\n])/g, "")
const amountOfBytes = (count) => count < 1024 ? `${count} bytes` : `${(count / 1024).toFixed(1)} KiB`

export function render({model, view}) {
  view.log_teardown?.()
  let all = "", end = 0, begin = null, waits = false, isDone = false
  const text = h("pre", {class: "log", tabindex: "0", role: "log", "aria-label": "Output", "aria-live": "off"})
  const before = h("p", {class: "none"}), trouble = h("p", {class: "trouble", role: "status"})
  const command = h("code"), empty = h("div", {class: "none"},
    h("p", {text: "No output is kept of this task. What a command puts out is kept when it is started so:"}), command)
  const follow = h("button", {type: "button", class: "quiet", text: "Follow the end", onclick: () => { text.scrollTop = text.scrollHeight }})
  const get = h("a", {class: "quiet", text: "Download", download: ""})
  const foot = h("div", {class: "logfoot"}, before, follow, get)
  const root = h("div", {class: "output"}, trouble, empty, text, foot)
  const isAway = () => ["lost", "kept"].includes(document.getElementById("live")?.dataset.state)
  const isAtEnd = () => text.scrollHeight - text.scrollTop - text.clientHeight < AT_END_PIXELS

  function ask() {
    if (document.hidden || waits || isAway() || model.state.task_id == null) return
    if (isDone && !model.state.runs) return
    // The last look comes after the end, since a job may say something as it goes.
    isDone = !model.state.runs
    waits = true
    model.send_msg({after: end})
  }

  function take() {
    const part = model.part
    waits = false
    trouble.textContent = part.trouble ?? ""
    if (part.trouble || part.after !== end || part.text == null) return
    begin ??= part.begin
    const follows = isAtEnd()
    if (end && part.begin > end) all += `\n… ${amountOfBytes(part.begin - end)} were not kept …\n`
    all = (all + part.text).slice(-MOST_CHARACTERS)
    end = part.end
    if (part.text) text.textContent = plainOf(all)
    renew()
    if (follows) text.scrollTop = text.scrollHeight
    follow.hidden = isAtEnd()
  }

  function renew() {
    const {task_id, name} = model.state
    empty.hidden = begin === null || all !== ""
    text.hidden = foot.hidden = all === ""
    follow.hidden = isAtEnd()
    before.textContent = begin ? `${amountOfBytes(begin)} before this are no longer kept` : ""
    command.textContent = `vain run --name ${quoted(name ?? "job")} -- your-command`
    if (task_id != null) { get.href = `./tasks/${task_id}/log`; get.download = `task-${task_id}.log` }
  }

  function changed() {
    if (model.state.runs) isDone = false
    renew()
    ask()
  }

  const quoted = (name) => `'${name.replaceAll("'", "'\\''")}'`
  const timer = setInterval(ask, ASK_MILLISECONDS)
  text.addEventListener("scroll", () => { follow.hidden = isAtEnd() })
  model.on("part", take)
  model.on("state", changed)
  document.addEventListener("visibilitychange", ask)
  view.log_teardown = () => {
    clearInterval(timer)
    document.removeEventListener("visibilitychange", ask)
    model.off("part", take)
    model.off("state", changed)
  }
  model.on("remove", view.log_teardown)
  setTimeout(changed)
  renew()
  return root
}
