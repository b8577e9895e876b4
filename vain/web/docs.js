// Light or dark as on the dashboard, with which the choice is shared; the contents stand open where there is room.
(() => {
  const html = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)"), wide = matchMedia("(min-width: 900px)");
  const remembered = () => { try { return localStorage.getItem("vain-theme"); } catch { return null; } };
  const take = (theme) => { if (["light", "dark"].includes(theme)) html.dataset.theme = theme; };

  function toggle() {
    const now = html.dataset.theme ?? (dark.matches ? "dark" : "light");
    take(now === "dark" ? "light" : "dark");
    try { localStorage.setItem("vain-theme", html.dataset.theme); } catch { /* private window: it lasts for this page */ }
  }

  take(remembered());
  addEventListener("storage", (event) => { if (event.key === "vain-theme") take(event.newValue); });
  addEventListener("DOMContentLoaded", () => {
    const contents = document.getElementById("contents"), unfold = () => { contents.open = wide.matches; };
    unfold();
    wide.addEventListener("change", unfold);
    document.getElementById("theme").addEventListener("click", toggle);
  });
})();
