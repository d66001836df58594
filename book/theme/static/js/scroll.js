// What scrolls sideways can be reached and scrolled with the keyboard, and says what it is.
(function () {
  "use strict";
  const names = { PRE: "Code", TABLE: "Table", svg: "Picture", IMG: "Picture" };
  function check(box) {
    const wide = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    if (box.classList.contains("picture")) box.classList.toggle("slides", wide);
    if (wide && !box.hasAttribute("tabindex")) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      const inside = box.firstElementChild ? box.firstElementChild.tagName : "";
      const output = box.classList.contains("output") ? "Output" : "Formula";
      box.setAttribute("aria-label", `${names[box.tagName === "PRE" && !box.classList.contains("output") ? "PRE" : inside] || output}, scrolls`);
    } else if (!wide && box.getAttribute("role") === "group") {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
  const watcher = new ResizeObserver((entries) => entries.forEach((entry) => check(entry.target)));
  for (const box of document.querySelectorAll(".scroll, .picture")) watcher.observe(box);
})();
