// Chooses how far back charts go; "Live" has them follow again after somebody dragged or zoomed.
export function render({model}) {
  const root = document.createElement("div");
  root.className = "window";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "How far back the charts go");
  const buttons = Object.entries(model.labels).sort((a, b) => a[0] - b[0]).map(([seconds, label]) => {
    const button = document.createElement("button");
    button.textContent = label;
    button.onclick = () => { model.chosen = Number(seconds); follow(); };
    button.dataset.seconds = seconds;
    return button;
  });
  const live = document.createElement("button");
  live.title = "Drag a chart to look back, Ctrl and the wheel to zoom; this, or a double-click, follows again";
  live.onclick = follow;
  root.append(...buttons, live);

  function follow() {
    dispatchEvent(new CustomEvent("vain-follow"));
    delete document.documentElement.dataset.paused;
  }

  function renew() {
    for (const button of buttons) button.setAttribute("aria-pressed", String(Number(button.dataset.seconds) === model.chosen));
    const paused = "paused" in document.documentElement.dataset;
    live.className = paused ? "follow paused" : "follow";
    live.textContent = paused ? "Paused – back to live" : "Live";
  }

  const observer = new MutationObserver(renew);
  observer.observe(document.documentElement, {attributeFilter: ["data-paused"]});
  renew();
  model.on("chosen", renew);
  model.on("remove", () => observer.disconnect());
  return root;
}
