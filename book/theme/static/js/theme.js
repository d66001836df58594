// Light and dark: the reader's system decides until the button is pressed.
(function () {
  "use strict";
  const root = document.documentElement;
  const button = document.querySelector(".theme-button");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const tell = () => button.setAttribute("aria-label", dark() ? "Switch to light" : "Switch to dark");
  button.addEventListener("click", () => {
    const chosen = dark() ? "light" : "dark";
    if (chosen === (system.matches ? "dark" : "light")) delete root.dataset.theme;
    else root.dataset.theme = chosen;
    try {
      if (root.dataset.theme) localStorage.setItem("theme", chosen);
      else localStorage.removeItem("theme");
    } catch { /* private window: the choice lasts for this page */ }
    tell();
  });
  system.addEventListener("change", tell);
  tell();
})();
