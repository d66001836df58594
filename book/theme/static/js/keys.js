// Keys: one letter each, never while somebody types; a switch in their list turns them off.
(function () {
  "use strict";
  const dialog = document.querySelector("dialog.keys");
  const box = dialog.querySelector("input");
  book.keys = book.keep("keys") !== false;
  box.checked = book.keys;
  box.addEventListener("change", () => { book.keys = box.checked; book.keep("keys", book.keys); });
  const open = () => { if (!document.querySelector("dialog[open]")) dialog.showModal(); };
  const turn = (where) => {
    const link = document.querySelector(`link[rel="${where}"]`);
    if (link) location.href = link.href;
  };
  const focus = (...names) => names.map((name) => document.querySelector(name)).find(Boolean)?.focus();
  const press = (name) => document.querySelector(name)?.click();
  const acts = {
    "/": () => press(".search-button"),
    "?": open,
    n: () => turn("next"),
    p: () => turn("prev"),
    h: () => press(".brand"),
    t: () => press(".theme-button"),
    c: () => {
      const menu = document.querySelector(".menu-button");
      if (menu && menu.checkVisibility()) menu.click();
      else focus(".book-nav [aria-current]", ".book-nav a");
    },
    s: () => focus(".page-nav [aria-current]", ".page-nav a"),
  };
  document.addEventListener("keydown", (event) => {
    if (!book.keys || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const busy = "input, textarea, select, audio, [contenteditable], [role=application], .widget, dialog[open]";
    if (!acts[event.key] || document.querySelector("dialog[open]") || event.target.closest?.(busy)) return;
    event.preventDefault();
    acts[event.key]();
  });
  document.querySelector(".keys-button").addEventListener("click", open);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();
