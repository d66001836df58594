// What search does: loaded, with the index, when a reader opens it for the first time.
(function () {
  "use strict";
  const dialog = document.querySelector("dialog.search");
  const input = dialog.querySelector("input");
  const list = dialog.querySelector(".search-results");
  const status = dialog.querySelector(".search-status");
  const most = 12;
  let chosen = -1;

  function fold(text) {
    return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  }
  const entries = window.bookIndex.map(([address, page, title, text]) => ({
    address, page, title, text, foldedPage: fold(page), foldedTitle: fold(title), foldedText: fold(text),
  }));

  // Every word of the query must occur; titles count more than text, whole words more than parts.
  function score(entry, words) {
    let total = 0;
    for (const word of words) {
      let best = 0;
      if (entry.foldedTitle.includes(word)) best += 40;
      if (entry.foldedPage.includes(word)) best += entry.title ? 12 : 60;
      let at = entry.foldedText.indexOf(word);
      let found = 0;
      let whole = 0;
      while (at >= 0 && found < 20) {
        found += 1;
        const before = at === 0 || !/[\p{L}\p{N}]/u.test(entry.foldedText[at - 1]);
        const end = entry.foldedText[at + word.length];
        if (before) whole += end === undefined || !/[\p{L}\p{N}]/u.test(end) ? 2 : 1;
        at = entry.foldedText.indexOf(word, at + word.length);
      }
      best += 3 * Math.log2(1 + whole) + Math.log2(1 + found);
      if (best === 0) return 0;
      total += best;
    }
    // The words side by side, as they were typed, count most.
    const phrase = words.join(" ");
    if (words.length > 1 && entry.foldedTitle.includes(phrase)) total += 60;
    if (words.length > 1 && entry.foldedText.includes(phrase)) total += 25;
    return total;
  }
  function marked(text, words) {
    const piece = document.createDocumentFragment();
    const folded = fold(text).length === text.length ? fold(text) : text.toLowerCase();
    let at = 0;
    while (at < text.length) {
      let next = -1;
      let length = 0;
      for (const word of words) {
        const found = folded.indexOf(word, at);
        if (found >= 0 && (next < 0 || found < next)) { next = found; length = word.length; }
      }
      if (next < 0) break;
      piece.append(text.slice(at, next));
      const mark = document.createElement("mark");
      mark.textContent = text.slice(next, next + length);
      piece.append(mark);
      at = next + length;
    }
    piece.append(text.slice(at));
    return piece;
  }
  function excerpt(entry, words) {
    const at = Math.max(0, Math.min(...words.map((w) => { const i = entry.foldedText.indexOf(w); return i < 0 ? 1e9 : i; })));
    if (at >= 1e9) return entry.text.slice(0, 130);
    let start = Math.max(0, at - 50);
    if (start > 0) start = entry.text.indexOf(" ", start) + 1;
    let end = start + 150;
    if (end < entry.text.length) end = Math.max(entry.text.lastIndexOf(" ", end), at + 20);
    return (start > 0 ? "… " : "") + entry.text.slice(start, end) + (end < entry.text.length ? " …" : "");
  }
  function choose(index) {
    const items = [...list.children];
    chosen = items.length ? (index + items.length) % items.length : -1;
    items.forEach((item, i) => item.setAttribute("aria-selected", String(i === chosen)));
    if (chosen >= 0) {
      input.setAttribute("aria-activedescendant", items[chosen].id);
      items[chosen].scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }
  function go(address) {
    dialog.close();
    location.href = address;
  }
  function find() {
    const words = [...new Set(fold(input.value).split(/\s+/).filter(Boolean))];
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
    if (!words.length) { status.textContent = ""; choose(-1); return; }
    const found = entries
      .map((entry) => [score(entry, words), entry])
      .filter(([value]) => value > 0)
      .sort((a, b) => b[0] - a[0]);
    for (const [, entry] of found.slice(0, most)) {
      const item = document.createElement("li");
      item.id = `result-${list.children.length}`;
      item.setAttribute("role", "option");
      const title = document.createElement("strong");
      title.append(marked(entry.title || entry.page, words));
      item.append(title);
      if (entry.title) {
        const page = document.createElement("small");
        page.textContent = entry.page;
        item.append(page);
      }
      const text = document.createElement("span");
      text.append(marked(excerpt(entry, words), words));
      item.append(text);
      item.addEventListener("click", () => go(entry.address));
      item.dataset.address = entry.address;
      list.append(item);
    }
    const count = found.length;
    status.textContent = count === 0 ? `Nothing found for “${input.value}”.`
      : count > most ? `The best ${most} of ${count} places` : `${count} ${count === 1 ? "place" : "places"}`;
    input.setAttribute("aria-expanded", String(count > 0));
    choose(count ? 0 : -1);
  }
  input.addEventListener("input", find);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(chosen + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (chosen >= 0) go(list.children[chosen].dataset.address);
    }
  });
  window.bookFind = find;
})();
