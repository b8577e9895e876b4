// Carries messages between the page's own script and the session: whether the tab is looked at, and what is searched for.
export function render({model}) {
  const look = () => model.send_msg({visible: !document.hidden});
  const search = (event) => model.send_msg(event.detail);
  const receive = (event) => dispatchEvent(new CustomEvent("vain-found", {detail: event.data ?? event}));
  document.addEventListener("visibilitychange", look);
  addEventListener("vain-search", search);
  model.on("msg:custom", receive);
  model.on("remove", () => {
    document.removeEventListener("visibilitychange", look);
    removeEventListener("vain-search", search);
  });
  if (document.hidden) look();
  return document.createElement("span");
}
