// Every change of the task, newest first. All of it is text.
const FIRST_STEPS = 40

export function render({model}) {
  let most = FIRST_STEPS
  const list = h("ol", {class: "life"}), empty = h("p", {class: "none", text: "Nothing has happened yet."})
  const more = h("button", {type: "button", class: "quiet", onclick: () => { most += 4 * FIRST_STEPS; renew() }})
  const root = h("div", {class: "lives", tabindex: "0", role: "region", "aria-label": "Changes, newest first"}, empty, list, more)
  const step = ({at, version, text}) => h("li", {}, h("time", {datetime: at, title: exactTime(at), text: momentOf(new Date(at), 1)}), h("span", {text, title: `version ${version}`}))

  function renew() {
    list.replaceChildren(...model.steps.slice(0, most).map(step))
    const left = model.steps.length - most
    more.hidden = left <= 0
    more.textContent = `${left} more`
    empty.hidden = model.steps.length > 0 || !model.is_known
  }

  model.on("steps", renew)
  model.on("is_known", renew)
  renew()
  return root
}
