// What only this browser keeps: the theme. The header reads the same entry when a page opens.
const THEMES = [["", "As the system"], ["light", "Light"], ["dark", "Dark"]];

function element(name, className, parent, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text != null) made.textContent = text;
  parent.append(made);
  return made;
}

function choose(theme) {
  const html = document.documentElement;
  if (theme) html.dataset.theme = theme; else delete html.dataset.theme;
  try {
    if (theme) localStorage.setItem("vain-theme", theme); else localStorage.removeItem("vain-theme");
  } catch { /* private window: it lasts for this page */ }
}

function zone() {
  const minutes = -new Date().getTimezoneOffset(), whole = Math.abs(minutes);
  const shift = `UTC${minutes < 0 ? "−" : "+"}${Math.floor(whole / 60)}${whole % 60 ? `:${String(whole % 60).padStart(2, "0")}` : ""}`;
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone ?? "unknown"} (${shift})`;
}

export function render() {
  const root = document.createElement("div"), set = element("fieldset", "", root);
  root.className = "personal";
  element("legend", "", set, "Colours");
  const inputs = THEMES.map(([value, text]) => {
    const label = element("label", "", set), input = element("input", "", label);
    input.type = "radio";
    input.name = "theme";
    input.value = value;
    label.append(text);
    input.addEventListener("change", () => choose(value));
    return input;
  });
  const renew = () => { for (const input of inputs) input.checked = input.value === (document.documentElement.dataset.theme ?? ""); };
  new MutationObserver(renew).observe(document.documentElement, {attributes: true, attributeFilter: ["data-theme"]});
  renew();
  element("p", "", root, `Charts and lists show times in this browser's zone: ${zone()}.`);
  element("p", "soft", root, "Both are kept by this browser alone; the server does not know of them.");
  return root;
}
