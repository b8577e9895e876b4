// Words for a host and its figures, of the table and of the strips.
const AGES = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]

// In one unit: "3 min".
function ageOf(seconds) {
  const [size, unit] = AGES.find(([size]) => seconds >= size) ?? [1, "s"]
  return `${Math.max(0, Math.floor(seconds / size))} ${unit}`
}

const decimals = (value) => value.toFixed(Math.abs(value) < 99.95 ? 1 : 0)
const percentOf = (value) => `${decimals(value)} %`
const ofHost = (page, host, isServer, more = {}) => {
  const words = new URLSearchParams(Object.entries({...(isServer ? {} : {host}), ...more})).toString()
  return words ? `${page}?${words}` : page
}
