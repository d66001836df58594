// What search does: loaded, with the index, when a reader opens it for the first time.
(function () {
  "use strict";
  const dialog = document.querySelector("dialog.search");
  const input = dialog.querySelector("input");
  const list = dialog.querySelector(".search-results");
  const status = dialog.querySelector(".search-status");
  const most = 12;
  const index = bookRank.prepare(window.bookIndex);
  let chosen = -1;

  function pieces(text, words) { // [piece of the text, whether it is one of the words]
    return text.split(/([\p{L}\p{N}]+)/u).map((piece, i) => [piece, i % 2 === 1 && words.has(bookRank.fold(piece))]);
  }
  function marked(text, words) {
    const all = document.createDocumentFragment();
    let plain = "";
    for (const [piece, found] of pieces(text, words)) {
      if (!found) { plain += piece; continue; }
      all.append(plain, Object.assign(document.createElement("mark"), { textContent: piece }));
      plain = "";
    }
    all.append(plain);
    return all;
  }
  // The stretch of the text that has most of the different words.
  function excerpt(text, words) {
    const size = 150;
    const places = [];
    let at = 0;
    for (const [piece, found] of pieces(text, words)) {
      if (found) places.push([at, bookRank.fold(piece)]);
      at += piece.length;
    }
    let best = 0;
    let start = 0;
    places.forEach(([from], i) => {
      const kinds = new Set(places.slice(i).filter(([p]) => p < from + size - 40).map(([, w]) => w)).size;
      if (kinds > best) { best = kinds; start = Math.max(0, from - 40); }
    });
    if (start > 0) start = text.indexOf(" ", start) + 1;
    let end = start + size;
    if (end < text.length) end = Math.max(text.lastIndexOf(" ", end), start + 40);
    return (start > 0 ? "… " : "") + text.slice(start, end) + (end < text.length ? " …" : "");
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
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
    if (!input.value.trim()) { status.textContent = ""; choose(-1); return; }
    const { found, words, complete } = bookRank.rank(index, input.value);
    for (const entry of found.slice(0, most)) {
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
      text.append(marked(excerpt(entry.text, words), words));
      item.append(text);
      item.addEventListener("click", () => go(entry.address));
      item.dataset.address = entry.address;
      list.append(item);
    }
    const count = found.length;
    status.textContent = count === 0 ? `Nothing found for “${input.value}”.`
      : !complete ? `No place has all of these words. ${count === 1 ? "One has" : `${count} have`} most of them.`
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
  book.find = find;
})();
