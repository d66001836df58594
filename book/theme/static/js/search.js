// Search opens at once. What finds and the index are loaded when it is first used.
(function () {
  "use strict";
  const dialog = document.querySelector("dialog.search");
  const input = dialog.querySelector("input");
  const script = (src) => new Promise((onload, onerror) => {
    document.head.append(Object.assign(document.createElement("script"), { src, onload, onerror }));
  });
  let loading = null;
  function open() {
    if (dialog.open) return;
    dialog.showModal();
    input.focus();
    input.select();
    loading ??= script(dialog.dataset.index).then(() => script(dialog.dataset.finder));
    loading.then(() => window.bookFind(), () => {
      dialog.querySelector(".search-status").textContent = "The search index is missing: build the book again.";
    });
  }

  document.querySelector(".search-button").addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
    if ((event.key === "/" && !typing) || (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      open();
    }
  });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();
