// Before the first agent: what it takes to see another machine here.
const SAID_MILLISECONDS = 2000

async function copy(code, button) {
  try {
    await navigator.clipboard.writeText(code.textContent)
    setText(button, "Copied")
  } catch {
    // Without TLS a browser may refuse: then it is marked, so that a key press copies it.
    getSelection().selectAllChildren(code)
    setText(button, "Marked")
  }
  setTimeout(() => setText(button, "Copy"), SAID_MILLISECONDS)
}

function makeCommand(purpose, text) {
  const code = make("code", "", text), button = Object.assign(make("button", "", "Copy"), {type: "button"})
  code.tabIndex = 0
  button.setAttribute("aria-label", `Copy: ${purpose}`)
  button.setAttribute("aria-live", "polite")
  button.onclick = () => copy(code, button)
  return make("li", "", make("p", "", purpose), make("div", "line", code, button))
}

function makeFirst() {
  const server = new URL(".", location.href).href.replace(/\/$/, "")
  const steps = make("ol", "",
    makeCommand("On this server: make a key that may write what one machine sees, and read nothing", "vain keys create gpu-3 --role agent --host gpu-3"),
    makeCommand("On the other machine: save the key in a file that only you can read, and start the agent", `VAIN_API_KEY_FILE=~/.vain-key VAIN_HOSTNAME=gpu-3 vain agent --server ${server}`))
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)
  const reach = isLocal ? " You opened this page as localhost: another machine needs a name of this server that it can reach." : ""
  return make("div", "first", make("h2", "", "No other machine reports yet"),
    make("p", "", "An agent on another machine sends what it sees there. The machine then stands in the list below, with its own timeline, its history, and the tasks that run on it."), steps,
    make("p", "quiet", `While the server is away an agent keeps its samples, and sends them when it is back. Without any key on this server the first step is not needed.${reach}`))
}
