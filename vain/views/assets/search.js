// The search in the header: pages by name here, tasks by name, number or key from the session.
addEventListener("DOMContentLoaded", () => {
  const input = document.getElementById("search"), list = document.getElementById("found");
  const pages = [...document.querySelectorAll("nav a")].map((link) => ({name: link.textContent, state: "page", href: link.getAttribute("href")}));
  const PAUSE_MILLISECONDS = 150;
  let number = 0, chosen = -1, later = 0;

  function close() {
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function part(name, text) {
    const element = document.createElement("span");
    element.className = name;
    element.textContent = text;
    return element;
  }

  function option(entry, index) {
    const item = document.createElement("li");
    Object.assign(item, {id: `found-${index}`, role: "option"});
    item.setAttribute("role", "option");
    item.dataset.href = entry.href;
    item.append(part("name", entry.name), part("what", entry.state));
    item.addEventListener("pointerdown", (event) => { event.preventDefault(); location.assign(entry.href); });
    return item;
  }

  function choose(index) {
    const items = [...list.querySelectorAll("[role=option]")];
    if (!items.length) return;
    chosen = (index + items.length) % items.length;
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
    input.setAttribute("aria-activedescendant", items[chosen].id);
    items[chosen].scrollIntoView({block: "nearest"});
  }

  function show(tasks) {
    const text = input.value.trim().toLowerCase();
    const found = [...tasks, ...pages.filter((page) => page.name.toLowerCase().includes(text))];
    list.replaceChildren(...found.map(option));
    if (!found.length) list.append(Object.assign(document.createElement("li"), {className: "none", textContent: "Nothing found"}));
    list.querySelector(".none")?.setAttribute("role", "presentation");
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    choose(0);
  }

  function ask() {
    clearTimeout(later);
    number += 1;
    if (!input.value.trim()) return close();
    later = setTimeout(() => dispatchEvent(new CustomEvent("vain-search", {detail: {search: input.value, number}})), PAUSE_MILLISECONDS);
  }

  function key(event) {
    if (event.key === "Escape") { input.value = ""; number += 1; close(); input.blur(); }
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); choose(chosen + (event.key === "ArrowDown" ? 1 : -1)); }
    if (event.key === "Enter" && chosen >= 0) location.assign(list.children[chosen].dataset.href);
  }

  addEventListener("vain-found", ({detail}) => {
    if (detail.number !== number) return;
    show(detail.found.map((task) => ({name: `#${task.id} ${task.name}`, state: task.state, href: `./task?id=${task.id}`})));
  });
  input.addEventListener("input", ask);
  input.addEventListener("keydown", key);
  input.addEventListener("blur", close);
});
