// How far the reader is: a line below the top bar, and a mark at each page that was read to its end.
// It is kept on this machine only; the list of keys has a button that forgets it.
(function () {
  "use strict";
  const page = location.pathname.split("/").pop() || "index.html";
  const article = document.querySelector("article.prose");
  const bar = document.querySelector(".progress");
  const read = book.keep("read") || {};
  function mark() {
    for (const link of document.querySelectorAll(".book-nav a")) {
      const done = Boolean(read[link.getAttribute("href")]);
      link.classList.toggle("read", done);
      link.querySelector(".unseen")?.remove();
      if (done) link.append(Object.assign(document.createElement("span"), { className: "unseen", textContent: " (read)" }));
    }
  }
  let waiting = false;
  function follow() {
    waiting = false;
    const last = article.lastElementChild.getBoundingClientRect().bottom + window.scrollY - window.innerHeight;
    const far = last <= 0 ? 1 : Math.min(1, window.scrollY / last);
    bar.style.transform = `scaleX(${far})`;
    if (far < 1 || read[page] || !window.scrollY) return;
    read[page] = true;
    book.keep("read", read);
    mark();
  }
  if (article && document.querySelector(".book-nav")) {
    window.addEventListener("scroll", () => {
      if (!waiting) { waiting = true; requestAnimationFrame(follow); }
    }, { passive: true });
    mark();
    requestAnimationFrame(follow);
  }
  document.querySelector(".forget").addEventListener("click", () => {
    for (const name of Object.keys(read)) delete read[name];
    book.keep("read", read);
    mark();
    document.querySelector(".announcer").textContent = "What you have read is forgotten.";
  });
})();
