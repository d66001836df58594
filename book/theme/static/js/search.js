// Search opens at once. What finds and the index are loaded when it is first used.
(function () {
  "use strict";
  const dialog = document.querySelector("dialog.search");
  const input = dialog.querySelector("input");
  function open() {
    if (dialog.open) return;
    dialog.showModal();
    input.focus();
    input.select();
    book.load(dialog.dataset.index).then(() => book.load(dialog.dataset.finder)).then(() => book.find(), () => {
      dialog.querySelector(".search-status").textContent = "The search index is missing: build the book again.";
    });
  }

  document.querySelector(".search-button").addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      open();
    }
  });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();
