// Amounts in words.
const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]

// `unit`: "%", "bytes" or "bytes/s".
function amountOf(value, unit) {
  if (value == null || Number.isNaN(value)) return "–"
  if (unit === "%") return `${value.toFixed(1)} %`
  let amount = value, step = 0
  while (Math.abs(amount) >= 1000 && step < BYTES.length - 1) { amount /= 1024; step += 1 }
  return `${amount.toFixed(step === 0 || Math.abs(amount) >= 100 ? 0 : 1)} ${BYTES[step]}${unit.slice(5)}`
}

function make(name, className = "", ...children) {
  const made = document.createElement(name)
  if (className) made.className = className
  made.append(...children)
  return made
}

function setText(node, text) { if (node.textContent !== text) node.textContent = text }
