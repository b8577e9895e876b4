// A new session for the page that is open: Bokeh cannot fill a document again that has binary data, so the page is asked
// for once more and its roots take the place of the old ones. The address, the scroll and the header stay. Other scripts are loaded anew:
// Panel keeps each component's script for as long as the page stands.
window.vainRenew = async () => {
  const answer = await fetch(location.href, {cache: "no-store"});
  if (answer.redirected || !answer.ok) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const sources = (page) => [...page.querySelectorAll("script[src]")].map((script) => script.getAttribute("src")).join();
  const data = fresh.querySelector("body script[type='application/json']"), main = document.getElementById("main");
  const isOther = sources(fresh) !== sources(document) || fresh.documentElement.dataset.edition !== document.documentElement.dataset.edition;
  if (!data || isOther) return false;

  const top = scrollY, height = main.offsetHeight;
  main.style.minHeight = `${height}px`;
  for (const view of [...Bokeh.index.roots]) view.remove();
  Bokeh.documents.splice(0);
  for (const script of document.querySelectorAll("body > script")) script.remove();
  main.replaceChildren(...fresh.getElementById("main").childNodes);
  for (const place of [".foot", "#bell"]) {
    document.querySelector(place).replaceChildren(...fresh.querySelector(place).childNodes);
  }
  document.title = fresh.title;
  for (const script of fresh.querySelectorAll("body > script")) {
    const copy = document.createElement("script");
    for (const {name, value} of script.attributes) copy.setAttribute(name, value);
    copy.textContent = script.textContent;
    document.body.append(copy);
  }
  scrollTo(0, top);
  setTimeout(() => { main.style.minHeight = ""; }, 5000);
  return true;
};
