// What the page shows stands in its address, so that a link shows the same to somebody else. An empty value is left out.
function putInAddress(values) {
  const address = new URL(location.href)
  for (const [name, value] of Object.entries(values)) if (value === "" || value == null) address.searchParams.delete(name); else address.searchParams.set(name, value)
  if (address.href !== location.href) history.replaceState(history.state, "", address)
}
