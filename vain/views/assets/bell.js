// A link to the list of notifications, with the number of unread ones.
const SHAPE = "M8 1.8a4.2 4.2 0 0 0-4.2 4.2c0 3.6-1.6 5-1.6 5h11.6s-1.6-1.4-1.6-5A4.2 4.2 0 0 0 8 1.8ZM6.7 13.4a1.5 1.5 0 0 0 2.6 0";

export function render({model}) {
  const link = document.createElement("a");
  link.href = "./alerts";
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({viewBox: "0 0 16 16", width: 16, height: 16, fill: "none", stroke: "currentColor",
    "stroke-width": 1.4, "stroke-linejoin": "round", "stroke-linecap": "round", "aria-hidden": "true"})) icon.setAttribute(name, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPE);
  icon.append(path);
  const count = document.createElement("span");
  count.className = "count";
  link.append(icon, count);
  const renew = () => {
    count.textContent = model.text;
    count.dataset.urgent = String(model.is_urgent);
    link.title = model.text ? `${model.text} unread notifications` : "No unread notifications";
    link.setAttribute("aria-label", link.title);
  };
  renew();
  model.on("text", renew);
  model.on("is_urgent", renew);
  return link;
}
