// The name of the machine in the header. Where others report, too, it opens a list of them; a name is text, whoever chose it.
const MANY = 20, MOST_LISTED = 200;

function make(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

export function render({model}) {
  const place = document.getElementById("host"), {hostPage} = document.documentElement.dataset;
  if (!place) return make("span");
  const plain = place.querySelector(":scope > span");
  const details = make("details"), summary = make("summary"), name = make("span", "name"), sign = make("span", "silent"), menu = make("div", "hosts");
  const filter = Object.assign(make("input"), {type: "search", placeholder: "Find a host", maxLength: 63}), list = make("ul"), more = make("p", "more"), all = Object.assign(make("a", "all", "All hosts"), {href: "./fleet"});
  let known = {names: [], silent: []};
  filter.setAttribute("aria-label", "Find a host");
  summary.title = "The machine that is shown; choose another";
  summary.append(name, sign);
  menu.append(filter, list, more, all);
  details.append(summary, menu);

  // The window stays, and so does everything else of the address.
  function address(host) {
    const to = new URL(hostPage, location.href);
    if (new URL(location.href).pathname === to.pathname) to.search = location.search;
    if (host === known.own) to.searchParams.delete("host"); else to.searchParams.set("host", host);
    return `${hostPage}${to.search}`;
  }

  function item(host) {
    const line = make("li"), link = Object.assign(make("a"), {href: address(host)});
    link.append(make("span", "name", host));
    if (host === known.shown) link.setAttribute("aria-current", "true");
    if (known.silent.includes(host)) link.append(make("span", "silent", "▲ silent"));
    else if (host === known.own) link.append(make("span", "what", "this server"));
    line.append(link);
    return line;
  }

  function fill() {
    const text = filter.value.trim().toLowerCase(), found = known.names.filter((host) => host.toLowerCase().includes(text));
    list.replaceChildren(...found.slice(0, MOST_LISTED).map(item));
    more.textContent = found.length > MOST_LISTED ? `and ${(found.length - MOST_LISTED).toLocaleString()} more: type a part of the name` : found.length ? "" : "No host has this in its name";
    more.hidden = !more.textContent;
  }

  function close(isFocused) {
    details.open = false;
    if (isFocused) summary.focus();
  }

  function key(event) {
    const links = [...menu.querySelectorAll("a")], at = links.indexOf(document.activeElement);
    if (event.key === "Escape") { event.preventDefault(); close(true); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!details.open) details.open = true;
      links.at(at < 0 ? 0 : (at + (event.key === "ArrowDown" ? 1 : links.length - 1)) % links.length)?.focus();
    } else if (event.key === "Enter" && event.target === filter) list.querySelector("a")?.click();
    else return;
    event.stopPropagation();
  }

  const outside = (event) => { if (details.open && !details.contains(event.target)) close(false); };
  details.addEventListener("toggle", () => {
    if (!details.open) return;
    filter.value = "";
    fill();
    if (filter.hidden) (list.querySelector("[aria-current]") ?? list.querySelector("a"))?.focus(); else filter.focus();
  });
  details.addEventListener("keydown", key);
  filter.addEventListener("input", fill);
  document.addEventListener("pointerdown", outside);

  function notice() {
    const line = document.getElementById("notice"), since = known.silent_since;
    if (!line) return;
    line.hidden = since == null;
    line.textContent = since == null ? "" : `▲ ${known.shown} is silent: nothing was heard of its agent since ${momentOf(new Date(since * 1000), 1)}. What the figures show is from then.`;
  }

  function renew() {
    if (!model.known) return;
    known = JSON.parse(model.known);
    const isChoice = known.names.length > 1;
    plain.hidden = isChoice;
    name.textContent = known.shown;
    sign.textContent = known.silent_since == null ? "" : "▲ silent";
    filter.hidden = known.names.length <= MANY;
    if (!isChoice) details.remove();
    else if (!details.isConnected) { place.querySelector("details")?.remove(); place.append(details); }
    if (details.open && document.activeElement !== filter && !list.contains(document.activeElement)) fill();
    notice();
  }

  model.on("known", renew);
  model.on("remove", () => document.removeEventListener("pointerdown", outside));
  renew();
  return make("span");
}
