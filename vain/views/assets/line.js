// A line of text, set as text.
export function render({model}) {
  const line = document.createElement("span");
  const renew = () => { line.textContent = model.text; };
  renew();
  model.on("text", renew);
  return line;
}
