// A page that a reader points at is fetched before they click. Browsers that know speculation rules
// do it by themselves (templates/base.html.j2).
(function () {
  "use strict";
  if (location.protocol === "file:" || HTMLScriptElement.supports?.("speculationrules")) return;
  if (navigator.connection?.saveData) return;
  const fetched = new Set([location.pathname]);
  document.addEventListener("pointerover", (event) => {
    const link = event.target.closest && event.target.closest("a[href]:not([download])");
    if (!link || link.origin !== location.origin || fetched.has(link.pathname)) return;
    fetched.add(link.pathname);
    document.head.append(Object.assign(document.createElement("link"), { rel: "prefetch", href: link.pathname }));
  }, { passive: true });
})();
