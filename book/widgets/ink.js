// What the parts that read drawings share: a pad to draw on, a drawing made as MNIST's are, and the
// chapter's network. A drawing is a list of strokes, a stroke is [x, y, x, y, …] in 0..1 of the pad.
import { arrow, bitmap, bytes, canvas, colours, drag, h, npz, onTheme, set } from "./lib.js";

export const SIDE = 28;
const BOX = 20; // MNIST's digits are scaled into a box of 20 × 20
export const PEN = 1.25; // half the width of a stroke, in pixels of the 28

/** Render strokes, in pixels, with a round pen and soft edges: 28 × 28 numbers from 0 to 1. */
export function raster(strokes, pen = PEN) {
  const out = new Float32Array(SIDE * SIDE);
  for (const stroke of strokes) for (let k = 0; k < stroke.length; k += 2) {
    const [bx, by] = [stroke[k], stroke[k + 1]];
    const [ax, ay] = k ? [stroke[k - 2], stroke[k - 1]] : [bx, by];
    const [dx, dy] = [bx - ax, by - ay];
    const long = dx * dx + dy * dy;
    const from = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - pen - 1));
    const to = (a, b) => Math.min(SIDE - 1, Math.ceil(Math.max(a, b) + pen + 1));
    for (let y = from(ay, by); y <= to(ay, by); y += 1) for (let x = from(ax, bx); x <= to(ax, bx); x += 1) {
      const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
      const t = long ? Math.max(0, Math.min(1, (px * dx + py * dy) / long)) : 0;
      const value = Math.max(0, Math.min(1, pen + 0.5 - Math.hypot(px - t * dx, py - t * dy)));
      if (value > out[y * SIDE + x]) out[y * SIDE + x] = value;
    }
  }
  return out;
}
/** The centre of mass of a picture, [x, y] in pixels; null when it is empty. */
export function centre(picture) {
  let [sum, x, y] = [0, 0, 0];
  picture.forEach((v, i) => { sum += v; x += v * ((i % SIDE) + 0.5); y += v * (Math.floor(i / SIDE) + 0.5); });
  return sum ? [x / sum, y / sum] : null;
}
/** A drawing as MNIST's pictures are made: its longer side 20 pixels, its centre of mass in the middle. */
export function prepare(strokes) {
  const all = strokes.flat();
  if (!all.length) return new Float32Array(SIDE * SIDE);
  const [xs, ys] = [all.filter((_, i) => i % 2 === 0), all.filter((_, i) => i % 2)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = Math.min((BOX - 2 * PEN) / Math.max(right - left, bottom - top), 8 * SIDE); // a dot stays a dot
  const place = (cx, cy) => strokes.map((s) => s.map((v, i) => (i % 2 ? (v - (top + bottom) / 2) * scale + cy : (v - (left + right) / 2) * scale + cx)));
  const [x, y] = centre(raster(place(SIDE / 2, SIDE / 2)));
  const middle = SIDE / 2 + 0.5; // where MNIST has it, on average
  return raster(place(SIDE / 2 + middle - x, SIDE / 2 + middle - y));
}

/** The network of chapter 07 from its file's arrays: `forward(picture)` gives every block's maps
 *  ({ count, side, data }), the largest number of each map of the last one, and ten logits. */
export function network(arrays) {
  const blocks = [0, 1, 2, 3].map((b) => {
    const pools = `${b}.2.weight` in arrays;
    const [gain, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((n) => arrays[`${b}.${pools ? 2 : 1}.${n}`].data);
    const scale = Float64Array.from(gain, (g, o) => g / Math.sqrt(variance[o] + 1e-5));
    return { pools, scale, shift: Float64Array.from(shift, (v, o) => v - mean[o] * scale[o]), kernels: arrays[`${b}.0.weight`] };
  });
  const last = { W: arrays["6.weight"], b: arrays["6.bias"].data };
  return {
    forward(picture) {
      let maps = { count: 1, side: SIDE, data: Float64Array.from(picture) };
      const found = blocks.map((block) => {
        maps = convolve(maps, block.kernels);
        if (block.pools) maps = halve(maps);
        const area = maps.side ** 2;
        maps.data.forEach((v, i) => { const o = Math.floor(i / area); maps.data[i] = Math.max(0, v * block.scale[o] + block.shift[o]); });
        return maps;
      });
      const area = maps.side ** 2;
      const pooled = Float64Array.from({ length: maps.count }, (_, o) => Math.max(...maps.data.subarray(o * area, (o + 1) * area)));
      const logits = Float64Array.from(last.b, (b, k) => pooled.reduce((sum, v, o) => sum + v * last.W.data[k * pooled.length + o], b));
      return { maps: found, pooled, logits };
    },
  };
}
/** A convolution of 3 × 3 with a rim of zeros, no bias: maps as many as kernels, as large as before. */
export function convolve({ count, side, data }, kernels) {
  const made = kernels.shape[0], wide = side + 2;
  const padded = new Float64Array(count * wide * wide);
  for (let c = 0; c < count; c += 1) for (let y = 0; y < side; y += 1) padded.set(data.subarray((c * side + y) * side, (c * side + y + 1) * side), (c * wide + y + 1) * wide + 1);
  const out = new Float64Array(made * side * side);
  for (let o = 0; o < made; o += 1) for (let c = 0; c < count; c += 1) for (let u = 0; u < 3; u += 1) {
    const at = (o * count + c) * 9 + 3 * u;
    const [w0, w1, w2] = [kernels.data[at], kernels.data[at + 1], kernels.data[at + 2]];
    for (let y = 0; y < side; y += 1) {
      const to = (o * side + y) * side;
      const of = (c * wide + y + u) * wide;
      for (let x = 0; x < side; x += 1) out[to + x] += w0 * padded[of + x] + w1 * padded[of + x + 1] + w2 * padded[of + x + 2];
    }
  }
  return { count: made, side, data: out };
}
/** The largest of each 2 × 2 block; an odd last row or column is left out. */
export function halve({ count, side, data }) {
  const half = side >> 1;
  const out = new Float64Array(count * half * half);
  for (let c = 0; c < count; c += 1) for (let y = 0; y < half; y += 1) for (let x = 0; x < half; x += 1) {
    const at = (c * side + 2 * y) * side + 2 * x;
    out[(c * half + y) * half + x] = Math.max(data[at], data[at + 1], data[at + side], data[at + side + 1]);
  }
  return { count, side: half, data: out };
}
export function softmax(logits) {
  const most = Math.max(...logits);
  const up = Array.from(logits, (z) => Math.exp(z - most));
  const sum = up.reduce((a, b) => a + b);
  return up.map((v) => v / sum);
}
/** The arrays of the chapter's file, and the network in it. */
export async function load(address) {
  const arrays = npz(await bytes(address));
  return { arrays, net: network(arrays) };
}

/** A square to draw on by mouse, finger or keys. `change(done)` is called while and after drawing. */
export function pad({ label, change, say }) {
  let strokes = [], picture = null, fleeting = false, down = false, at = [0.5, 0.5], keys = false;
  const grey = bitmap(SIDE, SIDE);
  const node = canvas(1, (g, w) => {
    const c = colours(node.parentElement);
    if (picture) {
      picture.forEach((v, i) => { for (let k = 0; k < 3; k += 1) grey.data[4 * i + k] = c.paper[k] + (c.ink[k] - c.paper[k]) * v; });
      grey.put();
      g.drawImage(grey.node, 0, 0, w, w);
    } else {
      g.strokeStyle = c.css.line;
      g.lineWidth = 1;
      g.setLineDash([2, 4]);
      const rim = ((SIDE - BOX) / 2 / SIDE) * w;
      g.strokeRect(rim, rim, w - 2 * rim, w - 2 * rim);
      g.setLineDash([]);
    }
    g.strokeStyle = c.css.ink;
    g.lineCap = g.lineJoin = "round";
    g.lineWidth = ((2 * PEN) / SIDE) * w;
    for (const s of strokes) {
      g.beginPath();
      g.moveTo(s[0] * w, s[1] * w);
      for (let k = 0; k < s.length; k += 2) g.lineTo(s[k] * w, s[k + 1] * w);
      g.stroke();
    }
    if (!keys) return;
    for (const [colour, width] of [[c.css.paper, 5], [c.css.c1, 2.5]]) {
      g.strokeStyle = colour;
      g.lineWidth = width;
      g.beginPath();
      g.arc(at[0] * w, at[1] * w, down ? 5 : 9, 0, 7);
      g.stroke();
    }
  }, { class: "w-plot w-touch w-pad", tabindex: 0, role: "application", "aria-roledescription": "drawing pad" });
  const tell = () => set(node, { "aria-label": `${label} Arrow keys move the pen, with Shift farther, Space puts it down and up. Pen ${down ? "down" : "up"}, column ${Math.round(at[0] * SIDE)}, row ${Math.round(at[1] * SIDE)} of ${SIDE}.` });
  const changed = (done) => { tell(); node.redraw(); change(done); };
  const limit = (v) => Math.max(0, Math.min(1, v));
  const begin = (x, y) => {
    if (fleeting) [picture, fleeting] = [null, false];
    strokes.push([x, y].map((v) => Number(v.toFixed(3))));
  };
  const follow = (x, y) => {
    const s = strokes.at(-1);
    if (Math.hypot(x - s.at(-2), y - s.at(-1)) > 0.006) s.push(...[x, y].map((v) => Number(v.toFixed(3))));
  };
  drag(node, {
    down: (x, y) => { node.focus({ preventScroll: true }); keys = down = false; begin(limit(x), limit(y)); changed(false); return true; },
    move: (x, y) => { follow(limit(x), limit(y)); changed(false); },
    up: () => changed(true),
  });
  const lift = () => { if (down) { down = false; changed(true); } };
  node.addEventListener("keydown", (event) => {
    const by = arrow(event);
    if (by) {
      const far = event.shiftKey ? 0.5 : 1; // lib's arrow already counts tenfold
      keys = true;
      at = [limit(at[0] + (far * by[0]) / SIDE), limit(at[1] - (far * by[1]) / SIDE)];
      if (down) follow(...at);
      if (down) changed(false); else { tell(); node.redraw(); }
    } else if (event.key === " ") {
      event.preventDefault();
      keys = true;
      if (down) { lift(); say("Pen up."); } else { down = true; begin(...at); changed(false); say("Pen down."); }
    } else if (event.key === "Escape") lift();
  });
  node.addEventListener("blur", () => { lift(); keys = false; node.redraw(); });
  onTheme(() => node.redraw());
  tell();
  return {
    node,
    get strokes() { return strokes; },
    get empty() { return !strokes.length && !picture; },
    /** What the network gets: the drawing made as MNIST's are, or strokes put on a given picture. */
    get picture() {
      if (!picture) return prepare(strokes);
      const more = raster(strokes.map((s) => s.map((v) => v * SIDE)));
      return picture.map((v, i) => Math.max(v, more[i]));
    },
    /** Show a picture to draw on, or, if it is only an example, until something is drawn. */
    show(given = null, example = false) { [picture, strokes, fleeting, down] = [given, [], example, false]; changed(true); },
    get fleeting() { return fleeting; },
    undo() { strokes.pop(); down = false; changed(true); },
  };
}
/** A picture of 28 × 28 as MNIST's are shown: bright on dark, one pixel a square. */
export function thumb(picture, attributes = {}) {
  const node = h("canvas", { width: SIDE, height: SIDE, class: "w-pixels", ...attributes });
  const g = node.getContext("2d");
  node.paint = (values) => {
    const image = g.createImageData(SIDE, SIDE);
    values.forEach((v, i) => { image.data.fill(Math.round(255 * v), 4 * i, 4 * i + 3); image.data[4 * i + 3] = 255; });
    g.putImageData(image, 0, 0);
  };
  node.paint(picture);
  return node;
}
/** Labelled bars of probabilities: `node.show(shares)`; null empties them. */
export function bars(names) {
  const rows = names.map((name) => {
    const [fill, value, text] = [h("i"), h("span", { class: "w-share" }), h("span", { class: "w-of" }, name)];
    return { fill, value, text, node: h("li", {}, text, h("span", { class: "w-bar", "aria-hidden": "true" }, fill), value) };
  });
  const node = h("ul", { class: "w-bars w-numbers" }, ...rows.map((r) => r.node));
  node.show = (shares) => rows.forEach((r, k) => {
    r.fill.style.width = `${100 * (shares?.[k] ?? 0)}%`;
    r.value.textContent = shares ? percent(shares[k]) : "–";
    r.node.classList.toggle("w-best", Boolean(shares) && shares[k] === Math.max(...shares));
  });
  node.show(null);
  return node;
}
/** "98.3 %", and never a rounded 100 or 0. */
export function percent(p) {
  const text = (100 * p).toFixed(1);
  return text === "100.0" && p < 1 ? ">\u00a099.9\u00a0%" : text === "0.0" && p > 0 ? "<\u00a00.1\u00a0%" : `${text}\u00a0%`;
}
