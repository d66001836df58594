// Weights on a coarser and coarser ruler: their histogram, kernels and a picture, size, accuracy.
import { announcer, bitmap, canvas, colours, h, mix, row, set, slider, tell } from "./lib.js";

const WIDTHS = [32, 16, 8, 7, 6, 5, 4, 3, 2, 1];

/** Round half to even, as NumPy and PyTorch do. */
export function even(x) {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}
/** Numbers on a symmetric ruler of 2**bits − 1 marks; one bit keeps the sign and the mean size.
 *  From 32 bits on, nothing changes. A sample of a larger table has that one's largest and mean. */
export function rounded(numbers, bits, largest = Math.max(...numbers.map(Math.abs)), mean = null) {
  if (bits >= 32) return [...numbers];
  if (bits === 1) {
    const size = mean ?? numbers.reduce((sum, v) => sum + Math.abs(v), 0) / numbers.length;
    return numbers.map((v) => (v < 0 ? -size : size));
  }
  const scale = largest / (2 ** (bits - 1) - 1) || 1;
  return numbers.map((v) => even(v / scale) * scale);
}
/** Grey values 0 … 1 on a ruler of 2**bits marks. */
export function greys(pixels, bits) {
  if (bits >= 32) return [...pixels];
  const top = 2 ** bits - 1;
  return pixels.map((v) => even(v * top) / top);
}
/** Bytes as a reader says them. */
export function size(bytes) {
  return bytes < 1e3 ? `${tell(bytes, 0)} B` : bytes < 1e6 ? `${tell(bytes / 1e3, 1)} kB` : `${tell(bytes / 1e6, 1)} MB`;
}

function render({ model, el }) {
  const weights = model.get("weights") ?? [];
  const count = model.get("count") ?? weights.length;
  const accuracy = model.get("accuracy") ?? {};
  const picture = model.get("picture")?.flat() ?? Array.from({ length: 784 }, (_, i) => 0.5 + 0.5 * Math.sin((i % 28) / 4.3) * Math.cos(Math.floor(i / 28) / 5.1));
  const side = Math.round(Math.sqrt(picture.length));
  const largest = model.get("largest") ?? Math.max(...weights.map(Math.abs), 1e-9);
  const kernels = model.get("kernels") ?? [];
  const onRuler = () => rounded(weights, bits, largest, model.get("mean"));
  const most = largest * 1.08;
  const BINS = 61;
  const image = bitmap(side, side);
  let bits = 32;
  const aloud = announcer(el);
  const bars = (numbers) => {
    const found = new Array(BINS).fill(0);
    for (const v of numbers) found[Math.min(BINS - 1, Math.floor(((v + most) / (2 * most)) * BINS))] += 1;
    return found;
  };
  const full = bars(weights);
  const chart = canvas(0.5, (g, w, v) => {
    const { css } = colours(el);
    const now = onRuler();
    const few = [...new Set(now)].length <= 64;
    const shown = few ? null : bars(now);
    const high = Math.max(...full);
    const foot = v - 18;
    const px = (x) => ((x + most) / (2 * most)) * w;
    g.fillStyle = css.line;
    full.forEach((n, i) => g.fillRect((i / BINS) * w, foot - (n / high) * foot * 0.92, w / BINS + 0.5, (n / high) * foot * 0.92));
    g.fillStyle = css.c0;
    if (few) {
      const at = new Map();
      for (const x of now) at.set(x, (at.get(x) ?? 0) + 1);
      const top = Math.max(...at.values());
      for (const [x, n] of at) g.fillRect(px(x) - 1.5, foot - (n / top) * foot * 0.92, 3, (n / top) * foot * 0.92);
    } else shown.forEach((n, i) => g.fillRect((i / BINS) * w + 1, foot - (n / high) * foot * 0.92, w / BINS - 2, (n / high) * foot * 0.92));
    g.fillStyle = css.soft;
    g.font = "11px system-ui, sans-serif";
    g.textAlign = "center";
    for (const x of [-0.9, 0, 0.9]) g.fillText(tell(x * most, 2), px(x * most), v - 4);
  }, { class: "w-plot", role: "img" });
  const seen = canvas(1, (g, w) => {
    greys(picture, bits).forEach((p, i) => image.data.fill(Math.round(255 * p), 4 * i, 4 * i + 3));
    image.put();
    g.imageSmoothingEnabled = false;
    g.drawImage(image.node, 0, 0, w, w);
  }, { class: "w-plot", role: "img" });
  const across = Math.ceil(kernels.length / 2) || 1;
  const filters = canvas((2 * 4 - 1) / (4 * across - 1), (g, w) => { // 3 × 3 each, with a gap, in two rows
    const c = colours(el);
    const flat = kernels.flat();
    const high = Math.max(...flat.map(Math.abs));
    const unit = w / (4 * across - 1);
    rounded(flat, bits).forEach((v, i) => {
      const k = Math.floor(i / 9), x = 4 * (k % across) + (i % 3), y = 4 * Math.floor(k / across) + Math.floor((i % 9) / 3);
      g.fillStyle = `rgb(${mix(c.paper, v < 0 ? c.c2 : c.c1, Math.min(1, Math.abs(v) / high)).map(Math.round)})`;
      g.fillRect(x * unit, y * unit, unit + 0.3, unit + 0.3);
    });
    g.strokeStyle = c.css.line;
    kernels.forEach((_, k) => g.strokeRect(4 * (k % across) * unit, 4 * Math.floor(k / across) * unit, 3 * unit, 3 * unit));
  }, { role: "img" });
  const told = h("p", { class: "w-numbers" });
  function draw(speak) {
    const now = onRuler();
    const error = Math.sqrt(now.reduce((sum, v, i) => sum + (v - weights[i]) ** 2, 0) / (now.length || 1));
    const marks = bits >= 16 ? "" : `, ${bits === 1 ? 2 : 2 ** bits - 1} values at most`;
    const right = accuracy[bits];
    const text = `${bits} ${bits === 1 ? "bit" : "bits"} a weight${marks}: ${size((count * bits) / 8)}, typical error ${tell(error, 4)}${right === undefined ? "" : `, accuracy ${tell(100 * right, 1)} %`}.`;
    told.replaceChildren(h("strong", {}, size((count * bits) / 8)), ` for ${count.toLocaleString("en")} weights · typical rounding error ${tell(error, 4)}`,
      right === undefined ? "" : " · accuracy ", right === undefined ? "" : h("strong", {}, `${tell(100 * right, 1)} %`));
    set(chart, { "aria-label": `Histogram of the weights. ${text}` });
    set(filters, { "aria-label": `The ${kernels.length} kernels of the first layer on a ruler of their own, with ${new Set(rounded(kernels.flat(), bits)).size} different numbers.` });
    set(seen, { "aria-label": `A picture with ${bits >= 16 ? "all its" : 2 ** bits} grey values.` });
    chart.redraw();
    seen.redraw();
    filters.redraw();
    if (speak) aloud(text);
  }
  el.append(
    row(slider({ label: "Bits for each number", min: 0, max: WIDTHS.length - 1, value: 0, show: (i) => `${WIDTHS[i]} ${WIDTHS[i] === 1 ? "bit" : "bits"}`, change: (i) => { bits = WIDTHS[i]; draw(true); } })),
    h("div", { class: "w-split" }, h("div", {}, h("p", { class: "w-soft" }, "Weights: before (grey) and on their ruler"), chart),
      h("div", { class: "w-photo" }, h("p", { class: "w-soft" }, "A picture with so many bits a pixel"), seen)),
    kernels.length ? h("div", { class: "w-kernels" }, h("p", { class: "w-soft" }, "The first layer's kernels: above 0 orange, below violet"), filters) : "",
    told);
  draw();
}
export default { render };
