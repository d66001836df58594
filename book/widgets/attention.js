// Where a trained network looks: choose a row of tokens, a head, a token; see its shares.
import { announcer, arrow, bitmap, canvas, colours, h, mix, select, set, tell } from "./lib.js";

/** Return the mean of maps (each n rows of shares). */
export function mean(maps) {
  return maps[0].map((row, i) => row.map((_, j) => maps.reduce((sum, m) => sum + m[i][j], 0) / maps.length));
}
/** Shares as fractions, n × n × heads × blocks, from whole thousandths; a causal row ends with its
 *  own token, and what it may not see is null. */
export function shares(maps, n) {
  return maps.map((heads) => heads.map((rows) => rows.map((row) =>
    Array.from({ length: n }, (_, j) => (j < row.length ? row[j] / 1000 : null)))));
}
/** What a head does on average over its rows: the share on the token itself, on the one before (the
 *  first row has none), and how far it looks, in tokens, either way. */
export function habits(map) {
  const over = (first, value) => {
    const rows = map.slice(first).map((row, i) => value(row, i + first));
    return rows.reduce((a, b) => a + b, 0) / (rows.length || 1);
  };
  return {
    self: over(0, (row, i) => row[i]),
    before: over(1, (row, i) => row[i - 1]),
    far: over(0, (row, i) => row.reduce((sum, share, j) => sum + share * Math.abs(i - j), 0)),
  };
}
const percent = (share) => `${Math.round(100 * share)}\u202f%`;
const sign = (token) => (token === " " ? "␣" : token === "\n" ? "↵" : token);
const hidden = (text) => h("span", { class: "unseen" }, text);
const spoken = (token) => ({ " ": "space", "\n": "line break" })[token] ?? token;

/** One row of tokens with all its heads: what the reader sees of it, made once. */
function view(data, el, aloud) {
  const { tokens, says = [] } = data;
  const n = tokens.length;
  const all = shares(data.maps, n);
  const causal = all[0][0][0][1] === null;
  const [blocks, heads] = [all.length, all[0].length];
  const maps = new Map(); // key of a thumbnail -> [its name, its map]
  all.forEach((block, b) => block.forEach((map, k) => maps.set(`${b}-${k}`, [`Block ${b + 1}, head ${k + 1}`, map])));
  if (heads > 1) {
    all.forEach((block, b) => maps.set(`${b}-mean`, [`Block ${b + 1}, mean of its ${heads} heads`, mean(block)]));
    maps.set("mean", [`Mean of all ${blocks * heads} heads`, mean(all.flat())]);
  }
  let at = `${data.start?.[0] ?? 0}-${data.start?.[1] ?? 0}`;
  let chosen = data.start?.[2] ?? n - 1, hovered = null;
  const small = bitmap(n, n);
  const seen = (map, c, fill) => {
    map.forEach((row, i) => row.forEach((share, j) =>
      small.data.set(share === null ? fill : mix(c.paper, c.c0, Math.sqrt(share)), 4 * (i * n + j))));
    small.put();
    return small.node;
  };

  const boxes = tokens.map((token, j) => h("button", { type: "button", class: "w-token", onclick: () => choose(j), onfocus: () => choose(j),
    onpointerenter: (event) => { if (event.pointerType === "mouse") point(j); } },
    h("span", { class: "w-sign-of" }, sign(token), hidden(`${sign(token) === token ? "" : ` ${spoken(token)}`}, place ${j + 1}: `)),
    h("span", { class: "w-share-of" })));
  const line = h("div", { class: "w-tokens", role: "group", "aria-label": "Tokens", onpointerleave: () => point(null) }, ...boxes);
  line.addEventListener("keydown", (event) => {
    const to = { Home: 0, End: n - 1 }[event.key];
    const by = to === undefined ? arrow(event) : null;
    if (to !== undefined) event.preventDefault();
    if (to === undefined && !by) return;
    boxes[Math.max(0, Math.min(n - 1, to ?? chosen + Math.sign(by[0] - by[1])))].focus();
  });
  const told = h("p", { class: "w-looks w-numbers" });
  const habit = h("p", { class: "w-soft w-numbers" });
  const title = h("p", { class: "w-soft" });
  const EDGE = 16; // where the tokens stand beside the table
  const table = canvas(1, (g, w) => {
    const c = colours(el);
    const side = w - EDGE, cell = side / n, [, map] = maps.get(at), row = hovered ?? chosen;
    g.imageSmoothingEnabled = false;
    g.drawImage(seen(map, c, c.paper), EDGE, EDGE, side, side);
    if (causal) { // what the mask hides
      g.save();
      g.beginPath();
      for (let i = 0; i < n - 1; i += 1) g.rect(EDGE + (i + 1) * cell, EDGE + i * cell, side - (i + 1) * cell, cell);
      g.clip();
      g.strokeStyle = c.css.line;
      g.lineWidth = 1;
      for (let d = -w; d < w; d += 7) { g.beginPath(); g.moveTo(d, w); g.lineTo(d + w, 0); g.stroke(); g.beginPath(); g.moveTo(d + w, w); g.lineTo(d + 2 * w, 0); g.stroke(); }
      g.restore();
    }
    g.strokeStyle = c.css.line;
    g.strokeRect(EDGE - 0.5, EDGE - 0.5, side, side);
    g.font = `${Math.min(12, cell)}px system-ui, sans-serif`;
    g.textAlign = "center";
    g.textBaseline = "middle";
    tokens.forEach((token, i) => {
      g.fillStyle = i === row ? c.css.c5 : c.css.soft;
      g.fillText(sign(token), EDGE / 2, EDGE + (i + 0.5) * cell);
      g.fillStyle = c.css.soft;
      g.fillText(sign(token), EDGE + (i + 0.5) * cell, EDGE / 2);
    });
    g.strokeStyle = c.css.c5;
    g.lineWidth = 2;
    g.strokeRect(EDGE + 1, EDGE + row * cell, (causal ? (row + 1) * cell : side) - 1, cell);
  }, { class: "w-map", role: "img" });
  const rowAt = (event) => {
    const box = table.getBoundingClientRect();
    const i = Math.floor(((event.clientY - box.top - EDGE) / (box.height - EDGE)) * n);
    return i >= 0 && i < n ? i : null;
  };
  table.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") point(rowAt(event)); });
  table.addEventListener("pointerleave", () => point(null));
  table.addEventListener("click", (event) => { const i = rowAt(event); if (i !== null) choose(i); });

  const name = `w-head-${Math.random().toString(36).slice(2)}`;
  const thumbs = [];
  const thumb = (key) => {
    const drawn = canvas(1, (g, w) => {
      const c = colours(el);
      g.imageSmoothingEnabled = false;
      g.drawImage(seen(maps.get(key)[1], c, c.paper), 0, 0, w, w);
    }, { "aria-hidden": "true" });
    thumbs.push(drawn);
    return h("label", { class: "w-pick" }, h("input", { type: "radio", name, value: key, checked: key === at, "aria-label": maps.get(key)[0], onchange: () => { at = key; draw(); aloud(`${maps.get(key)[0]}. ${told.textContent}`); } }), drawn);
  };
  const label = (text) => h("span", { class: "w-soft", "aria-hidden": "true" }, text);
  const picks = h("fieldset", { class: "w-picks", style: `--heads: ${heads + (heads > 1 ? 1 : 0)}` }, h("legend", {}, blocks * heads > 1 ? "Choose a head" : "Its only head"),
    label(""), ...all[0].map((_, k) => label(`head ${k + 1}`)), heads > 1 ? label("mean") : null,
    ...all.flatMap((block, b) => [label(`block ${b + 1}`), ...block.map((_, k) => thumb(`${b}-${k}`)), heads > 1 ? thumb(`${b}-mean`) : null]),
    ...(heads > 1 ? [h("span", { class: "w-soft w-of-all", "aria-hidden": "true" }, "mean of all heads of all blocks"), thumb("mean")] : []));

  const named = (j) => h("strong", {}, `“${sign(tokens[j])}”`);
  function draw() {
    const [title_, map] = maps.get(at), row = hovered ?? chosen;
    boxes.forEach((box, j) => {
      const share = map[row][j];
      const text = share === null ? "–" : String(Math.round(100 * share));
      box.style.background = share === null ? "" : `color-mix(in srgb, var(--c0) ${Math.round(50 * Math.sqrt(share))}%, var(--paper))`;
      box.classList.toggle("w-hidden", share === null);
      box.classList.toggle("w-looker", j === row);
      box.lastChild.replaceChildren(text, hidden(share === null ? " hidden by the mask" : " %"));
      set(box, { "aria-pressed": String(j === chosen) });
    });
    const top = map[row].map((share, j) => [share, j]).filter(([share]) => share !== null).sort((a, b) => b[0] - a[0]).filter(([share], k) => k === 0 || (k < 3 && share >= 0.005));
    const after = n - 1 - row;
    told.replaceChildren(named(row), ` (place ${row + 1}) looks at `, ...top.flatMap(([share, j], i) => [i ? ", " : "", named(j), j === row ? " (itself)" : ` (place ${j + 1})`, ` with ${percent(share)}`]), ". ",
      causal && after ? `The mask hides the ${after === 1 ? "one token" : `${after} tokens`} after it. ` : "",
      says[row] ? h("span", {}, data.says_as ?? "Next, the network expects ", h("strong", {}, `“${sign(says[row][0])}”`), ` (${percent(says[row][1])}).`) : "");
    const usual = habits(map);
    habit.textContent = `All rows together: ${percent(usual.self)} on the token itself, ${percent(usual.before)} on the one before; ${tell(usual.far, 1)} tokens away on average.`;
    title.textContent = `${title_}: each row looks, each column is looked at`;
    set(table, { "aria-label": `Table of shares, ${n} by ${n}. ${title_}. The row of ${spoken(tokens[row])}, place ${row + 1}, is marked.${causal ? " Right of the diagonal all is hidden by the mask." : ""}` });
    table.redraw();
  }
  function choose(j) {
    if (j === chosen && hovered === null) return;
    chosen = j;
    hovered = null;
    draw();
    aloud(told.textContent);
  }
  function point(j) {
    if (j === hovered) return;
    hovered = j;
    draw();
  }
  draw();
  return h("div", {}, line, told, h("div", { class: "w-split w-attends" }, h("div", {}, title, table), h("div", {}, picks, habit)),
    h("p", { class: "w-soft" }, causal ? "Numbers are shares in percent; “–” and the hatched part are what the mask hides." : "Numbers are shares in percent. There is no mask: every token may look at all."));
}

function render({ model, el }) {
  const rows = model.get("rows");
  const made = new Map();
  const aloud = announcer(el);
  const place = h("div");
  const show = (i) => {
    if (!made.has(i)) made.set(i, view(rows[i], el, aloud));
    place.replaceChildren(made.get(i));
  };
  el.append(h("div", { class: "w-row" }, select({ label: "Network and what it reads", options: rows.map((r, i) => [String(i), r.name]), value: "0", change: (i) => show(Number(i)) })), place);
  show(0);
}
export default { render };
