// Previews of references: what shows them is loaded when a reader first points or tabs to one.
(function () {
  "use strict";
  function start(event) {
    const link = event.target.closest && event.target.closest(".reference, .citation, .footnote a");
    if (!link || event.pointerType === "touch") return; // a finger follows the link
    for (const name of ["pointerover", "focusin"]) document.removeEventListener(name, start);
    book.load(document.body.dataset.preview).then(() => book.preview(event), () => {});
  }
  for (const name of ["pointerover", "focusin"]) document.addEventListener(name, start);
})();
