// What only this browser keeps: the theme, which the header reads when a page opens, and whether it notifies (notify.js).
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

const DENIED = "This browser was told not to let vAIn notify; its settings for this address can change that.";

function notifications(root) {
  const set = element("fieldset", "", root), said = element("p", "soft", root, whyNoNotifications());
  element("legend", "", set, "Notifications");
  const label = element("label", "", set), input = element("input", "", label);
  input.type = "checkbox";
  label.append("Notify me, also while vAIn is in a tab that nobody looks at");
  said.setAttribute("role", "status");
  input.disabled = Boolean(whyNoNotifications());
  const renew = () => { input.checked = isNotifyOn(); };

  async function turnOn() {
    const answer = await Notification.requestPermission();
    if (answer !== "granted") return answer === "denied" ? DENIED : "The browser's question was left without an answer.";
    try {
      showNotification("vAIn will tell you here", "What the bell counts, wherever you look.", "vain-hello", "./alerts");
    } catch {
      return "This browser does not let a page notify.";
    }
    keep(NOTIFY_KEY, "1");
    return "";
  }

  input.onchange = async () => {
    if (input.checked) said.textContent = await turnOn(); else keep(NOTIFY_KEY, null);
    renew();
    pageNotifier().apply();
  };
  addEventListener("storage", renew);
  renew();
  return () => removeEventListener("storage", renew);
}

export function render({model}) {
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
  model.on("remove", notifications(root));
  element("p", "", root, `Charts and lists show times in this browser's zone: ${zone()}.`);
  element("p", "soft", root, "All of this is kept by this browser alone; the server does not know of it.");
  return root;
}
