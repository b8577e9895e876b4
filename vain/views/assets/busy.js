// The page's own bar, for what takes more than a second: shown until what this gives is called.
function showBusy() {
  let end
  window.vainBusy?.(new Promise((resolve) => { end = resolve }))
  return end
}
