// A long page is laid out piece by piece: at first what is on the screen; from the reader's first
// move the rest, while nothing else happens (css/layout.css, parts/first.js.j2). Who goes to a place
// in the page, or prints, waits for all of it.
(function () {
  "use strict";
  const root = document.documentElement;
  const signs = ["scroll", "pointermove", "pointerdown", "keydown", "focusin"];
  const pieces = document.querySelectorAll(".prose > *");
  let next = 0;
  let seen = window.scrollY;
  book.settle = () => {
    next = pieces.length;
    for (const sign of signs) window.removeEventListener(sign, later);
    window.removeEventListener("scroll", jumped);
    root.classList.remove("settling");
    for (const piece of pieces) piece.classList.remove("settled");
  };
  if (!root.classList.contains("settling")) return;
  function some() {
    const until = performance.now() + 6;
    while (next < pieces.length && performance.now() < until) {
      pieces[next].classList.add("settled");
      pieces[next].getBoundingClientRect(); // lays it out now, and no more than it
      next += 1;
    }
    if (next < pieces.length) later();
    else if (root.classList.contains("settling")) book.settle();
  }
  function later() {
    for (const sign of signs) window.removeEventListener(sign, later);
    if (window.requestIdleCallback) requestIdleCallback(some, { timeout: 300 });
    else setTimeout(some, 20);
  }
  // After a leap (a find, a drag of the scroll bar) heights above are guesses: what is on the screen
  // stays there while they become true.
  function jumped() {
    const far = Math.abs(window.scrollY - seen) > 1.5 * window.innerHeight;
    seen = window.scrollY;
    if (!far) return;
    const here = [...pieces].find((piece) => piece.getBoundingClientRect().bottom > 0);
    const before = here ? here.getBoundingClientRect().top : 0;
    book.settle();
    if (here) window.scrollBy({ top: here.getBoundingClientRect().top - before, behavior: "instant" });
  }
  for (const sign of signs) window.addEventListener(sign, later, { passive: true });
  window.addEventListener("scroll", jumped, { passive: true });
  window.addEventListener("beforeprint", book.settle);
  // The browser has gone to the place already, by heights that were guesses.
  window.addEventListener("hashchange", () => {
    if (!root.classList.contains("settling")) return;
    book.settle();
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView({ behavior: "instant" });
  });
  document.addEventListener("keydown", (event) => { if (event.key === "End") book.settle(); }, true);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (link && link.hash && link.pathname === location.pathname) book.settle();
  }, true);
})();
