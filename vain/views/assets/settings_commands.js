// Commands to copy. The server knows several names; the one that works is the one that this browser came by.
const SAID_MILLISECONDS = 2000;

function element(name, className, parent, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text != null) made.textContent = text;
  parent.append(made);
  return made;
}

async function copy(text, code, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without TLS a browser may refuse: then it is marked, so that a key press copies it.
    const range = document.createRange();
    range.selectNodeContents(code);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    button.textContent = "Marked";
  }
  setTimeout(() => { button.textContent = "Copy"; }, SAID_MILLISECONDS);
}

export function render({model}) {
  const root = document.createElement("div");
  root.className = "commands";
  for (const [purpose, template] of model.commands) {
    const text = template.replaceAll("{address}", location.origin), command = element("div", "command", root);
    element("div", "for", command, purpose);
    const line = element("div", "line", command), code = element("code", "", line, text), button = element("button", "", line, "Copy");
    code.tabIndex = 0;
    button.type = "button";
    button.setAttribute("aria-label", `Copy: ${purpose}`);
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", () => copy(text, code, button));
  }
  return root;
}
