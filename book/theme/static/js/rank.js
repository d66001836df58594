// How search ranks: BM25 over the book's sections, where words of a title count several times, words
// that begin like the query's last one count while it is typed, and one slip of a key is forgiven.
// Nothing here knows of the page, so that it can be tested by itself.
const bookRank = (function () {
  "use strict";
  const TITLE = 4, PAGE = 1.5, K = 1.2, B = 0.5;
  const SMALL = new Set("a an and are as be by can do does for from how i in is it of on or that the this to what when where which why with you".split(" "));
  const LESSER = { Quiz: 0.5, References: 0.4, Summary: 0.8 };

  const fold = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const words = (text) => fold(text).match(/[\p{L}\p{N}]+/gu) || [];
  // "gradients" and "gradient", "trained" and "training" share a stem; a light hand is enough here.
  function stem(word) {
    if (word.length < 5 || /\d/.test(word)) return word.replace(/(?<=\w{3})s$/, "");
    return word.replace(/(?:ies|y)$/, "i").replace(/(?:ing|ed|es|s|er|ers|e)$/, "").replace(/(.)\1$/, "$1");
  }
  function oneSlip(a, b) { // whether one letter more, less, other, or two swapped make b of a
    if (Math.abs(a.length - b.length) > 1 || a === b) return false;
    let i = 0;
    while (i < a.length && a[i] === b[i]) i += 1;
    const rest = (x, y) => a.slice(i + x) === b.slice(i + y);
    return rest(1, 1) || rest(0, 1) || rest(1, 0) || (a[i] === b[i + 1] && a[i + 1] === b[i] && rest(2, 2));
  }

  function prepare(index) {
    const postings = new Map(); // word -> Map(number of the section -> how often, titles weighed)
    const lengths = [];
    const entries = index.map(([address, page, title, text], number) => {
      const count = (list, weight) => {
        for (const word of list) {
          if (!postings.has(word)) postings.set(word, new Map());
          const sections = postings.get(word);
          sections.set(number, (sections.get(number) || 0) + weight);
        }
      };
      const inText = words(text);
      count(inText, 1);
      count(words(title), TITLE);
      count(words(page), title ? PAGE : 2 * TITLE);
      lengths.push(inText.length + 20);
      return { address, page, title, text };
    });
    const mean = lengths.reduce((a, b) => a + b, 0) / Math.max(1, lengths.length);
    const stems = new Map();
    for (const word of postings.keys()) {
      const key = stem(word);
      stems.set(key, [...(stems.get(key) || []), word]);
    }
    return { entries, postings, lengths, mean, stems };
  }

  // Which words of the book a word of the query stands for, and how well.
  function meant(book, word, last) {
    const found = new Map();
    const add = (list, value) => { for (const w of list) if ((found.get(w) || 0) < value) found.set(w, value); };
    if (book.postings.has(word)) add([word], 1);
    add(book.stems.get(stem(word)) || [], 0.8);
    if (last || !found.size) add([...book.postings.keys()].filter((w) => w.startsWith(word)), word.length < 4 ? 0.4 : 0.7);
    if (!found.size && word.length > 3) add([...book.postings.keys()].filter((w) => oneSlip(word, w)), 0.4);
    return found;
  }

  function rank(book, query) {
    const typed = [...new Set(words(query))];
    const telling = typed.filter((word) => !SMALL.has(word));
    const asked = telling.length ? telling : typed;
    const groups = [];
    const scores = new Map(); // section -> [score, how many of the words it has]
    const shown = new Set();
    asked.forEach((word, at) => {
      const group = meant(book, word, at === asked.length - 1 && !/\s$/.test(query));
      groups.push(group);
      const best = new Map();
      const sections = new Set();
      for (const [w] of group) for (const n of book.postings.get(w).keys()) sections.add(n);
      const rare = Math.log(1 + book.entries.length / (sections.size + 0.5));
      for (const [w, value] of group) {
        shown.add(w);
        for (const [n, often] of book.postings.get(w)) {
          const slope = often + K * (1 - B + (B * book.lengths[n]) / book.mean);
          best.set(n, Math.max(best.get(n) || 0, (value * rare * often * (K + 1)) / slope));
        }
      }
      for (const [n, value] of best) {
        const [sum, many] = scores.get(n) || [0, 0];
        scores.set(n, [sum + value, many + 1]);
      }
    });
    const most = Math.max(0, ...[...scores.values()].map(([, many]) => many));
    const phrase = typed.join(" ");
    const found = [];
    for (const [n, [sum, many]] of scores) {
      if (many < most) continue;
      const entry = book.entries[n];
      const title = words(entry.title || entry.page);
      const told = title.filter((word) => !SMALL.has(word));
      let value = sum * (LESSER[entry.title] || 1);
      // A title that says all of the query is likely meant, most of all when it says nothing else.
      const said = groups.map((group) => Math.max(0, ...told.map((word) => group.get(word) || 0)));
      const worst = Math.min(...said);
      value += worst * (3 + (told.length <= asked.length ? 4 + 2 * !entry.title : 0));
      if (typed.length > 1 && title.join(" ").includes(phrase)) value += 2;
      else if (typed.length > 1 && words(entry.text).join(" ").includes(phrase)) value += 2.5;
      found.push([value, entry]);
    }
    found.sort((a, b) => b[0] - a[0]);
    return { found: found.map(([, entry]) => entry), words: shown, complete: most === asked.length };
  }
  return { prepare, rank, fold };
})();
if (typeof module !== "undefined") module.exports = bookRank;
