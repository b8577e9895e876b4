// Light or dark: as the system asks for, until the viewer says otherwise.
(() => {
  const html = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => { try { return localStorage.getItem("vain-theme"); } catch { return null; } };
  if (["light", "dark"].includes(remembered())) html.dataset.theme = remembered();

  function repaint() {
    // Figures read their colours from CSS when they paint; nothing else tells them that it changed.
    for (const view of window.Bokeh?.index?.roots ?? []) (view.request_paint ?? view.request_repaint)?.call(view);
  }

  function toggle() {
    const now = html.dataset.theme ?? (dark.matches ? "dark" : "light");
    html.dataset.theme = now === "dark" ? "light" : "dark";
    try { localStorage.setItem("vain-theme", html.dataset.theme); } catch { /* private window: it lasts for this page */ }
    repaint();
  }

  dark.addEventListener("change", repaint);
  addEventListener("storage", (event) => {
    if (event.key === "vain-theme" && event.newValue) { html.dataset.theme = event.newValue; repaint(); }
  });
  addEventListener("DOMContentLoaded", () => document.getElementById("theme").addEventListener("click", toggle));
})();
