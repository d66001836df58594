// A preview of what a reference leads to: from this page, or from a file that the build wrote.
// It stays while it is pointed at, goes with Escape, and never comes where a finger points.
(function () {
  "use strict";
  const which = ".reference, .citation, .footnote a";
  const box = document.createElement("div");
  Object.assign(box, { className: "preview prose", id: "preview", hidden: true });
  box.setAttribute("role", "tooltip");
  document.body.append(box);
  let shown = null; // the link
  let timer = 0;

  function copy(node) {
    const made = node.cloneNode(true);
    for (const gone of made.querySelectorAll(".anchor, .copy, .note-number, .back, script")) gone.remove();
    for (const part of [made, ...made.querySelectorAll("[id], a, [tabindex]")]) {
      part.removeAttribute("id");
      if (part.matches("a, [tabindex]")) part.tabIndex = -1;
    }
    return made;
  }
  function excerpt(target) {
    if (target.matches("dt")) {
      const list = document.createElement("dl");
      list.append(copy(target), copy(target.nextElementSibling));
      return [list];
    }
    if (target.matches("h1, h2, h3, h4")) {
      const title = document.createElement("p");
      const name = document.createElement("strong");
      name.append(...copy(target).childNodes);
      title.append(name);
      let next = target.nextElementSibling;
      if (next && next.matches(".noted")) next = next.firstElementChild;
      return next && next.matches("p") ? [title, copy(next)] : [title];
    }
    if (target.matches("figure, .equation, li, .box-body, .margin-note")) return [copy(target)];
    return [];
  }
  function inView(target) {
    const at = target.getBoundingClientRect();
    return at.top >= 0 && at.bottom <= window.innerHeight;
  }
  async function content(link) {
    const address = link.getAttribute("href");
    if (!address.startsWith("#")) {
      await book.load(document.body.dataset.previews);
      box.innerHTML = window.bookPreviews[address] || "";
      for (const part of box.querySelectorAll("a, [tabindex]")) part.tabIndex = -1;
      return;
    }
    const target = document.getElementById(decodeURIComponent(address.slice(1)));
    const near = target && target.matches(".margin-note") && inView(target);
    box.replaceChildren(...(target && !near ? excerpt(target) : []));
  }
  function place(link, event) {
    const lines = [...link.getClientRects()];
    const line = lines.find((r) => event.clientY >= r.top && event.clientY <= r.bottom) || lines[0];
    const wide = document.documentElement.clientWidth;
    box.style.left = `${Math.max(8, Math.min(line.left - 12, wide - box.offsetWidth - 8)) + window.scrollX}px`;
    const below = line.bottom + box.offsetHeight + 12 < window.innerHeight;
    const fits = below || line.top - box.offsetHeight < 60;
    box.style.top = `${(fits ? line.bottom + 6 : line.top - box.offsetHeight - 6) + window.scrollY}px`;
  }
  async function show(link, event) {
    await content(link).catch(() => box.replaceChildren());
    hide();
    if (!box.childNodes.length) return;
    shown = link;
    box.hidden = false;
    box.scrollTop = 0;
    place(link, event);
    // A figure has words of its own; what is a sentence is read out with the link.
    if (link.matches(".reference-definitionTerm, .citation, .footnote a")) link.setAttribute("aria-describedby", box.id);
  }
  function hide() {
    if (shown) shown.removeAttribute("aria-describedby");
    shown = null;
    box.hidden = true;
  }
  function later(act, wait) {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  }
  function come(event) {
    if (event.pointerType === "touch") return;
    if (box.contains(event.target)) { clearTimeout(timer); return; }
    const link = event.target.closest && event.target.closest(which);
    if (event.type === "focusin" && !(link && link.matches(":focus-visible"))) return;
    if (link && link === shown) clearTimeout(timer);
    else if (link && !link.closest("dialog")) later(() => show(link, event), 200);
  }
  function leave(event) {
    const to = event.relatedTarget;
    const from = event.target.closest && event.target.closest(which);
    if (!from && !box.contains(event.target)) return;
    if (to && (box.contains(to) || (from || shown)?.contains(to))) return;
    if (event.type === "pointerout" && shown && shown.matches(":focus-visible")) return;
    later(hide, 300);
  }
  document.addEventListener("pointerover", come);
  document.addEventListener("focusin", come);
  document.addEventListener("pointerout", leave);
  document.addEventListener("focusout", leave);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    clearTimeout(timer);
    if (shown) { event.preventDefault(); event.stopImmediatePropagation(); hide(); }
  }, true);
  book.preview = come;
})();
