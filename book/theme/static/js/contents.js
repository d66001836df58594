// The page's contents follow the reader: the last heading above the upper third is where they are.
(function () {
  "use strict";
  const nav = document.querySelector(".page-nav");
  if (!nav) return;
  const links = new Map();
  for (const link of nav.querySelectorAll("a")) {
    const heading = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (heading) links.set(heading, link);
  }
  const headings = [...links.keys()];
  let current = null;
  let waiting = false;
  function follow() {
    waiting = false;
    const atEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
    const edge = window.innerHeight / 3;
    let here = null;
    for (const heading of headings) if (heading.getBoundingClientRect().top < edge) here = heading;
    if (atEnd && window.scrollY > 0) here = headings[headings.length - 1];
    if (here === current) return;
    if (current) links.get(current).removeAttribute("aria-current");
    current = here;
    if (!here) return;
    const link = links.get(here);
    link.setAttribute("aria-current", "location");
    const box = nav.getBoundingClientRect();
    const at = link.getBoundingClientRect();
    if (at.top < box.top || at.bottom > box.bottom) nav.scrollTop += at.top - box.top - box.height / 2;
  }
  window.addEventListener("scroll", () => {
    if (!waiting) { waiting = true; requestAnimationFrame(follow); }
  }, { passive: true });
  requestAnimationFrame(follow); // not now: it would lay the page out twice
})();
