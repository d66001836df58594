// Tabs: all sets on all pages that know a label follow it ("Keras" here is "Keras" everywhere).
(function () {
  "use strict";
  const sets = [...document.querySelectorAll(".tabs")].map((box) => {
    const tabs = [...box.children];
    const list = document.createElement("div");
    list.className = "tab-list";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", "Versions");
    const buttons = tabs.map((tab, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "tab-button";
      button.textContent = tab.querySelector(".tab-title").textContent;
      button.id = `${box.id}-tab-${index}`;
      tab.id = `${box.id}-panel-${index}`;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", tab.id);
      tab.setAttribute("role", "tabpanel");
      tab.setAttribute("aria-labelledby", button.id);
      list.append(button);
      return button;
    });
    box.prepend(list);
    box.classList.add("ready");
    return { tabs, buttons, list };
  });
  function show(set, index) {
    set.tabs.forEach((tab, i) => {
      tab.hidden = i !== index;
      set.buttons[i].setAttribute("aria-selected", String(i === index));
      set.buttons[i].tabIndex = i === index ? 0 : -1;
    });
  }
  function choose(sync) {
    for (const set of sets) {
      const index = set.tabs.findIndex((tab) => tab.dataset.sync === sync);
      if (index >= 0) show(set, index);
    }
  }
  function pick(set, index) {
    const button = set.buttons[index];
    const before = button.getBoundingClientRect().top;
    show(set, index);
    const sync = set.tabs[index].dataset.sync;
    choose(sync);
    window.scrollBy({ top: button.getBoundingClientRect().top - before, behavior: "instant" });
    try { localStorage.setItem("tab", sync); } catch { /* private window */ }
  }
  for (const set of sets) {
    show(set, Math.max(0, set.tabs.findIndex((tab) => "selected" in tab.dataset)));
    set.buttons.forEach((button, index) => button.addEventListener("click", () => pick(set, index)));
    set.list.addEventListener("keydown", (event) => {
      const at = set.buttons.indexOf(document.activeElement);
      const last = set.buttons.length - 1;
      const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      set.buttons[to].focus();
      pick(set, to);
    });
  }
  try {
    const last = localStorage.getItem("tab");
    if (last) choose(last);
  } catch { /* private window */ }
  // A link to something inside of a hidden tab opens it.
  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const tab = target && target.closest(".tab[hidden]");
    const set = tab && sets.find((s) => s.tabs.includes(tab));
    if (set) { show(set, set.tabs.indexOf(tab)); target.scrollIntoView(); }
    for (let fold = target && target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  }
  window.addEventListener("hashchange", reveal);
  reveal();
})();
