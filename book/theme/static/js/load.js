// What is not needed at once: a script is loaded by its address, once. Modules meet in `book`.
const book = window.book = { keys: true };
(function () {
  "use strict";
  const loaded = new Map(); // address -> promise
  book.load = (src) => {
    if (!loaded.has(src)) {
      loaded.set(src, new Promise((onload, onerror) => {
        document.head.append(Object.assign(document.createElement("script"), { src, onload, onerror }));
      }));
    }
    return loaded.get(src);
  };
  book.keep = (name, value) => { // undefined: read
    try {
      if (value === undefined) return JSON.parse(localStorage.getItem(name));
      localStorage.setItem(name, JSON.stringify(value));
    } catch { /* a private window: for this page only */ }
    return value ?? null;
  };
})();
