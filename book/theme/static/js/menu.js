// The book's contents: a drawer on a phone.
(function () {
  "use strict";
  const root = document.documentElement;
  const nav = document.querySelector(".book-nav");
  const button = document.querySelector(".menu-button");
  if (!nav) { button.hidden = true; return; }
  function set(open) {
    root.classList.toggle("menu-open", open);
    button.setAttribute("aria-expanded", String(open));
    if (open) (nav.querySelector("[aria-current]") || nav.querySelector("a")).focus();
  }
  button.addEventListener("click", () => set(!root.classList.contains("menu-open")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && root.classList.contains("menu-open")) { set(false); button.focus(); }
  });
  document.addEventListener("click", (event) => {
    if (!root.classList.contains("menu-open") || button.contains(event.target)) return;
    if (!nav.contains(event.target) || event.target.closest("a")) set(false);
  });
  nav.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !nav.contains(event.relatedTarget) && event.relatedTarget !== button) set(false);
  });
  const here = nav.querySelector("[aria-current]");
  if (here) requestAnimationFrame(() => { // not now: it would lay the page out twice
    if (here.offsetTop > nav.clientHeight) nav.scrollTop = here.offsetTop - nav.clientHeight / 2;
  });
})();
