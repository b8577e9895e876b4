// Whether the charts go by time since the start or by progress, and what stands behind the line.
export function render({model, view}) {
  const note = h("span", {class: "note"})
  const buttons = [["elapsed", "By time"], ["progress", "By progress"]].map(([by, text]) =>
    h("button", {type: "button", "data-by": by, text, onclick: () => model.send_msg({by})}))
  const root = h("div", {class: "by"}, note, h("div", {class: "choice", role: "group", "aria-label": "Compare"}, ...buttons))
  const renew = () => {
    note.textContent = model.note
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.by === model.by))
  }
  model.on("note", renew)
  model.on("by", renew)
  renew()
  return root
}
