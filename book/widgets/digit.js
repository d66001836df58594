// Draw a digit: the network that chapter 07 has trained reads it while it is drawn.
import { announcer, bitmap, button, canvas, colours, h, mix, row, set } from "./lib.js";
import { SIDE, bars, load, pad, percent, softmax, thumb } from "./ink.js";

const COLUMNS = [16, 16, 32, 32]; // maps side by side, block by block

async function render({ model, el }) {
  const { arrays, net } = await load(model.get("network"));
  const of = (name, k) => arrays[name].data.slice(k * SIDE * SIDE, (k + 1) * SIDE * SIDE);
  const tests = Array.from(arrays.names.data, (name, k) => ({ name, picture: Float32Array.from(of("pictures", k), (v) => v / 255) }));
  for (const test of tests) { const z = net.forward(test.picture).logits; test.read = z.indexOf(Math.max(...z)); }

  let now = null, chosen = null;
  const aloud = announcer(el);
  const answer = h("p", { class: "w-answer" });
  const shares = bars([..."0123456789"]);
  const seen = thumb(new Float32Array(SIDE * SIDE), { role: "img" });
  const board = pad({ label: "Draw a digit here.", say: aloud, change: (done) => { asked ||= requestAnimationFrame(() => { asked = 0; look(done); }); } });
  let asked = 0;

  function look(done) {
    if (chosen && board.strokes.length) choose(null, chosen);
    const picture = board.picture;
    now = board.empty ? null : net.forward(picture);
    seen.paint(picture);
    const p = now && softmax(now.logits);
    const best = p && p.indexOf(Math.max(...p));
    shares.show(p);
    answer.replaceChildren(...(now ? ["It reads a ", h("strong", {}, String(best)), `: ${percent(p[best])}.`, chosen ? ` Written was a ${chosen.name}.` : board.fleeting ? " Draw your own." : ""] : ["Draw a digit, as large as you like."]));
    set(seen, { "aria-label": now ? "The drawing as the network gets it: 28 × 28 numbers, centred." : "Nothing is drawn." });
    layers.forEach((layer) => layer.redraw());
    if (now && done) aloud(answer.textContent);
    set(undo, { disabled: !board.strokes.length });
    set(clear, { disabled: board.empty });
  }
  function choose(test, keep = null) {
    chosen = test;
    tests.forEach((t) => set(t.node, { "aria-pressed": String(t === test) }));
    if (!keep) board.show(test?.picture ?? null);
  }
  const clear = button("Clear", () => { choose(null); board.node.focus({ preventScroll: true }); aloud("The pad is empty."); });
  const undo = button("Undo", () => board.undo());

  function group(title, some) {
    for (const t of some) {
      const says = t.read === t.name ? `A ${t.name} of the test set` : `A ${t.name} of the test set that is read as ${t.read}`;
      t.node = button(thumb(t.picture), () => { choose(t); }, { class: "w-thumb", "aria-label": says, "aria-pressed": "false" });
    }
    return h("div", { role: "group", "aria-label": title }, h("p", { class: "w-soft" }, title), h("div", { class: "w-thumbs w-ten" }, ...some.map((t) => t.node)));
  }
  // One canvas a block: all its maps, side by side; the brightest number of the block is 1.
  const maps = (b) => now?.maps[b];
  const layers = net.forward(new Float32Array(SIDE * SIDE)).maps.map(({ count, side }, b) => {
    const across = COLUMNS[b], down = count / across;
    const image = bitmap(side, side);
    const node = canvas(down / across, (g, w) => {
      const c = colours(el);
      const tile = w / across;
      const most = Math.max(1e-9, ...(maps(b)?.data ?? []));
      g.imageSmoothingEnabled = false;
      for (let o = 0; o < count; o += 1) {
        for (let i = 0; i < side * side; i += 1) {
          image.data.set(mix(c["wash-strong"], c.c0, Math.sqrt((maps(b)?.data[o * side * side + i] ?? 0) / most)), 4 * i);
        }
        image.put();
        const [x, y] = [(o % across) * tile, Math.floor(o / across) * tile];
        const gap = Math.min(2, tile * 0.12);
        g.drawImage(image.node, x + gap / 2, y + gap / 2, tile - gap, tile - gap);
      }
      const alive = Array.from({ length: count }, (_, o) => maps(b)?.data.subarray(o * side * side, (o + 1) * side * side).some((v) => v > 0)).filter(Boolean).length;
      set(node, { "aria-label": now ? `Block ${b + 1}: ${alive} of its ${count} maps answer somewhere.` : `Block ${b + 1}: nothing to answer to.` });
    }, { role: "img" });
    const shown = h("div", { class: "w-layer" }, h("p", { class: "w-soft" }, `Block ${b + 1}: ${count} maps of ${side}\u00a0×\u00a0${side}`), node);
    shown.redraw = node.redraw;
    return shown;
  });
  const pooled = canvas(1 / 14, (g, w, v) => {
    const c = colours(el);
    g.fillStyle = c.css.line;
    g.fillRect(0, v - 1, w, 1);
    const most = Math.max(1e-9, ...(now?.pooled ?? []));
    g.fillStyle = c.css.c0;
    now?.pooled.forEach((value, o) => { const high = (value / most) * (v - 2); g.fillRect((o * w) / 128, v - 1 - high, Math.max(1, w / 128 - 1), high); });
    set(pooled, { "aria-label": now ? `The largest number of each of the 128 maps: ${now.pooled.filter((value) => value > 0).length} are above 0.` : "The largest number of each of the 128 maps: nothing yet." });
  }, { role: "img" });
  layers.push(Object.assign(h("div", { class: "w-layer" }, h("p", { class: "w-soft" }, "The largest number of each of the 128 maps: all that the last layer gets"), pooled), { redraw: pooled.redraw }));

  el.append(
    h("div", { class: "w-draw" },
      h("div", {}, board.node, row(clear, undo), h("p", { class: "w-soft w-keys" }, "With keys: arrows move the pen, Space puts it down and up.")),
      h("div", { class: "w-reads" }, h("div", { class: "w-seen" }, seen, h("div", {}, answer, h("p", { class: "w-soft" }, "Left: what the network sees, 28\u00a0×\u00a028 pixels, centred."))), shares)),
    group("Test digits that it reads rightly", tests.filter((t) => t.read === t.name)),
    group("Test digits that it reads wrongly", tests.filter((t) => t.read !== t.name)),
    h("div", { class: "w-layers" }, ...layers));
  const first = tests.find((t) => t.name === 2 && t.read === 2);
  if (first) board.show(first.picture, true);
  look(false);
}
export { load, prepare } from "./ink.js";
export default { render };
