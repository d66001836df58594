// On paper everything is open.
(function () {
  "use strict";
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll(".prose details:not([open])")];
    for (const box of folded) box.open = true;
  });
  window.addEventListener("afterprint", () => { for (const box of folded) box.open = false; });
})();
