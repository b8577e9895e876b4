// One menu for the whole board, in the top layer: it belongs to no row, so no change of the rows can close it.
// It stays open until the server has answered, and shows the server's sentence where the choice was made.

// `closed` is called after the menu went away, with the task's id and the action whose button had opened it.
function makeMenu(closed) {
  const list = h("div", {role: "menu", class: "menu", popover: "manual"})
  let anchor = null, mayClose = true

  const items = () => [...list.querySelectorAll("[role^=menuitem]")]
  const isOpen = () => list.matches(":popover-open")

  function place() {
    const box = anchor.getBoundingClientRect(), size = list.getBoundingClientRect()
    const below = box.bottom + 4 + size.height <= window.innerHeight
    list.style.top = `${below ? box.bottom + 4 : Math.max(8, box.top - 4 - size.height)}px`
    list.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - size.width - 8))}px`
  }

  function close() {
    if (!isOpen()) return
    list.hidePopover()
    anchor.setAttribute("aria-expanded", "false")
    document.removeEventListener("pointerdown", outside, true)
    closed(anchor)
  }

  function outside(event) {
    if (mayClose && !event.composedPath().includes(list)) close()
  }

  async function choose(item, choice) {
    mayClose = false
    list.setAttribute("aria-busy", "true")
    const answer = await item()
    list.removeAttribute("aria-busy")
    mayClose = true
    if (answer.ok) return close()
    list.querySelector(".refusal")?.remove()
    list.append(h("p", {role: "alert", class: "refusal", text: sentenceOf(answer)}))
    place()
    choice.focus()
  }

  function keydown(event) {
    const all = items(), index = all.indexOf(list.getRootNode().activeElement)
    const to = {ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: all.length - 1}[event.key]
    if (to !== undefined) all[(to + all.length) % all.length].focus()
    else if (event.key === "Escape" || event.key === "Tab") close()
    else return
    if (event.key !== "Tab") event.preventDefault()
    event.stopPropagation()
  }
  list.addEventListener("keydown", keydown)

  // `groups`: [{title, items: [{word, icon, checked, run}]}]; `run` makes the change and resolves to the answer.
  function open(button, label, groups) {
    close()
    anchor = button
    list.setAttribute("aria-label", label)
    list.replaceChildren(...groups.flatMap(({title, items}) => [
      title ? h("div", {class: "heading", role: "presentation", text: title}) : null,
      ...items.map(({word, icon: name, checked, run}) => {
        const choice = h("button", {type: "button", role: "menuitemradio", "aria-checked": String(checked), tabindex: "-1",
          "data-state": name, onclick: () => choose(run, choice)}, name ? icon(name) : null, h("span", {text: word}), checked ? icon("check") : null)
        return choice
      })]).filter((node) => node !== null))
    list.showPopover()
    button.setAttribute("aria-expanded", "true")
    place()
    ;(items().find((item) => item.getAttribute("aria-checked") === "true") ?? items()[0]).focus()
    document.addEventListener("pointerdown", outside, true)
  }

  return {list, open, close, isOpen}
}

const sentenceOf = (answer) => answer.flaws.length ? answer.flaws.map((flaw) => flaw.detail).join(" ") : answer.detail
