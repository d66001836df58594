// On paper everything is open, and every picture is there.
(function () {
  "use strict";
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll(".prose details:not([open])")];
    for (const box of folded) box.open = true;
    for (const image of document.images) image.loading = "eager";
  });
  window.addEventListener("afterprint", () => { for (const box of folded) box.open = false; });
})();
