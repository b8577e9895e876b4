// What the flow page shows: which time, which tasks, and the key figures. What is chosen stands in the address.
const RANGE_WORDS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days", "1y": "1 year"};
const DEFAULT_RANGE = "7d";
const TYPING_MILLISECONDS = 400;
const COMMAND = "vain run -- python train.py";

function make(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("aria-") || key === "role") made.setAttribute(key, value); else made[key] = value;
  }
  made.append(...children);
  return made;
}

const button = (text, onclick, more = {}) => make("button", {type: "button", textContent: text, onclick, ...more});

// What a date field holds is a day of the viewer's own zone.
const dayOfField = (text) => { const [year, month, day] = text.split("-").map(Number); return new Date(year, month - 1, day); };
const fieldOf = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;

export function render({model}) {
  let wanted = {...model.wanted};
  const spoken = make("p", {className: "trouble", role: "status"}), begins = make("p", {className: "note begins", hidden: true});

  function send(change) {
    wanted = {...wanted, ...change, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC"};
    const isFixed = wanted.after != null;
    putInAddress({
      range: isFixed || wanted.range === DEFAULT_RANGE ? "" : wanted.range,
      after: isFixed ? wanted.after : "", before: isFixed ? wanted.before : "",
      name: wanted.name, tag: wanted.tag, priority: wanted.priority,
    });
    paint();
    model.send_msg({wanted});
  }

  const ranges = model.ranges.map((range) => [range, button(RANGE_WORDS[range] ?? range, () => send({range, after: null, before: null}))]);
  const from = make("input", {type: "date", required: true}), to = make("input", {type: "date", required: true});
  const dates = make("form", {className: "dates", hidden: true}, make("label", {}, "From", from), make("label", {}, "to", to), make("button", {type: "submit", textContent: "Show"}));
  const opener = button("Dates…", () => { dates.hidden = !dates.hidden; paint(); if (!dates.hidden) from.focus(); });
  from.oninput = to.oninput = () => to.setCustomValidity("");
  dates.onsubmit = (event) => {
    event.preventDefault();
    const begin = dayOfField(from.value), last = dayOfField(to.value);
    const end = new Date(last.getFullYear(), last.getMonth(), last.getDate() + 1);
    if (!(begin < end)) { to.setCustomValidity("The last day comes before the first."); to.reportValidity(); return; }
    send({after: begin / 1000, before: end / 1000});
  };

  let timer = 0;
  // Both fields at once: a timer of one must not swallow what was typed into the other.
  const typed = (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => send({name: name.value.trim(), tag: tag.value.trim()}), event.type === "change" ? 0 : TYPING_MILLISECONDS);
  };
  const field = (label) => {
    const input = make("input", {type: "search", placeholder: "any", maxLength: 200, autocomplete: "off", spellcheck: false, oninput: typed, onchange: typed});
    return [input, make("label", {}, label, input)];
  };
  const [name, nameLabel] = field("Name"), [tag, tagLabel] = field("Tag");
  const priority = make("select", {onchange: () => send({priority: priority.value || null})}, make("option", {value: "", textContent: "any"}),
    ...model.priorities.map((value) => make("option", {value, textContent: value})));
  const unfilter = () => { clearTimeout(timer); send({name: "", tag: "", priority: null}); };
  const clear = button("Clear filters", unfilter, {className: "clear"});

  const facts = make("dl", {className: "facts"});
  const copied = make("span", {className: "copied", role: "status"});
  const copy = async () => {
    try { await navigator.clipboard.writeText(COMMAND); copied.textContent = "Copied"; } catch { copied.textContent = "Select the command and copy it."; }
  };
  const none = make("div", {className: "empty", hidden: true}, make("h3", {textContent: "No task yet"}),
    make("p", {textContent: "Any command becomes a task, and the charts fill as tasks end:"}),
    make("div", {className: "command"}, make("code", {textContent: COMMAND}), button("Copy", copy, {"aria-label": "Copy the command"}), copied));
  const unmatched = make("div", {className: "empty", hidden: true}, make("h3", {textContent: "No task matches"}),
    make("p", {textContent: "A name and a tag must be written exactly as the task has them."}), button("Clear filters", unfilter));

  const root = make("div", {className: "flow"},
    make("div", {className: "choices"},
      make("div", {className: "group", role: "group", "aria-label": "Which time"}, ...ranges.map(([, one]) => one), opener),
      make("div", {className: "filters", role: "group", "aria-label": "Which tasks"}, nameLabel, tagLabel, make("label", {}, "Priority", priority), clear)),
    dates, spoken, begins, none, unmatched, facts);

  function paint() {
    const isFixed = wanted.after != null;
    for (const [range, one] of ranges) one.setAttribute("aria-pressed", String(!isFixed && range === wanted.range));
    opener.setAttribute("aria-expanded", String(!dates.hidden));
    opener.setAttribute("aria-pressed", String(isFixed));
    opener.textContent = isFixed ? `${dayOf(new Date(wanted.after * 1000))} – ${dayOf(new Date(wanted.before * 1000 - 1))}` : "Dates…";
    if (dates.hidden || !from.value) {
      from.value = fieldOf(isFixed ? new Date(wanted.after * 1000) : new Date(Date.now() - 6 * 86400000));
      to.value = fieldOf(isFixed ? new Date(wanted.before * 1000 - 1) : new Date());
    }
    const focused = root.getRootNode().activeElement;
    for (const [input, value] of [[name, wanted.name], [tag, wanted.tag]]) if (focused !== input) input.value = value ?? "";
    priority.value = wanted.priority ?? "";
    clear.hidden = !(wanted.name || wanted.tag || wanted.priority);
  }

  function factOf(fact) {
    const value = make("dd", {className: "value"}), note = make("dd", {className: "note"});
    if (fact.time) {
      const at = new Date(fact.time);
      value.append(make("time", {dateTime: fact.time, title: at.toLocaleString(), textContent: momentOf(at, 60)}));
    } else value.textContent = fact.value;
    if (fact.task_id != null) note.append(make("a", {href: `./task?id=${fact.task_id}`, textContent: fact.note})); else note.textContent = fact.note;
    return make("div", {}, make("dt", {textContent: fact.label}), value, note);
  }

  function renew() {
    facts.replaceChildren(...model.facts.map(factOf));
    none.hidden = model.state !== "none";
    unmatched.hidden = model.state !== "unmatched";
    facts.hidden = !none.hidden || !unmatched.hidden;
    begins.hidden = !model.begins || facts.hidden;
    begins.textContent = model.begins ? `Nothing is known from before ${momentOf(new Date(model.begins), 60)}, so the charts begin there.` : "";
    spoken.textContent = model.trouble || (model.state === "waiting" ? "Reading…" : "");
    spoken.dataset.state = model.trouble ? "trouble" : "well";
    root.dataset.state = model.state;
  }

  const seen = () => model.send_msg({hidden: document.hidden});
  document.addEventListener("visibilitychange", seen);
  model.on("remove", () => { document.removeEventListener("visibilitychange", seen); clearTimeout(timer); });
  for (const name of ["facts", "state", "begins", "trouble"]) model.on(name, renew);
  renew();
  paint();
  send({});
  if (document.hidden) seen();
  return root;
}
