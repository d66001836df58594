// A kernel on a picture: move it, edit it, see the products, their sum, and the whole map.
import { announcer, arrow, bitmap, button, calm, canvas, choice, colours, drag, h, loop, mix, random, row, select, set, tell } from "./lib.js";

const N = 28;
// The boot that the chapter opens with (Fashion-MNIST, training picture 0, MIT licence), in 16 greys.
const BOOT = "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000014000000000000000000000000028743000000000000000000000006ca88710000110000000000000009eca699641584100000000000004cdddda777985a40000000000000ceeeddddda77cd00000000000000bddddeddddddea00000000000000bdddcbcccdddec00000000000001ddcdbadcddcdcc30000000000006edddccddddde7a30000000000003ededeedddeddc50000000000000eddddddddddddf5000000000049cdcdddccdddddde9000001356bdddddcccedeabffeed003bcdddccdccc9ebcdffdedcdee00cdddccdcccde59fddb9bcccddd06eccdddefdbdde4467adddddddd24cccbccddbcccdebdeeddccddde43cbbdcbbbbcddddeddccbbaabcc707dbbabcccdcccccbbbbcba9aac5004bcbaaabbbbbbccccccbbbbda000004cdeeeeeeddbbbbbbaaa6300000000024342200000000000000000000000000000000000000000000000000000000000000000000000";

const paint = (value) => Float64Array.from({ length: N * N }, (_, i) => value(i % N, Math.floor(i / N)));
export const PICTURES = {
  boot: ["The boot of the text", () => paint((x, y) => parseInt(BOOT[y * N + x] ?? "0", 16) / 15)],
  step: ["Dark left, bright right", () => paint((x) => (x >= 14 ? 1 : 0))],
  ring: ["A ring", () => paint((x, y) => Math.max(0, Math.min(1, 3 - Math.abs(Math.hypot(x - 13.5, y - 13.5) - 9))))],
  bars: ["Bars of all directions", () => paint((x, y) => {
    const [cx, cy, turn] = [[6.5, 6.5, 0], [20.5, 6.5, 1], [6.5, 20.5, 2], [20.5, 20.5, 3]][(x > 13 ? 1 : 0) + (y > 13 ? 2 : 0)];
    const angle = (turn * Math.PI) / 4;
    const [u, v] = [(x - cx) * Math.cos(angle) + (y - cy) * Math.sin(angle), -(x - cx) * Math.sin(angle) + (y - cy) * Math.cos(angle)];
    return Math.abs(v) < 1.6 && Math.abs(u) < 5.5 ? 1 : 0;
  })],
  noise: ["A square in noise", () => { const draw = random(3); return paint((x, y) => (Math.abs(x - 13.5) < 6 && Math.abs(y - 13.5) < 6 ? 0.75 : 0.25) + 0.25 * (draw() - 0.5)); }],
  empty: ["Empty, to draw on", () => paint(() => 0)],
};
export const KERNELS = {
  "left or right border": [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  "upper or lower border": [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  "any border": [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  "mean of nine": Array(9).fill(1 / 9),
  sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
  identity: [0, 0, 0, 0, 1, 0, 0, 0, 0],
};
/** Slide a 3 × 3 kernel over a picture of n × n: cross-correlation, no padding, (n − 2)² numbers. */
export function correlate(picture, kernel, n = N) {
  const m = n - 2;
  const out = new Float64Array(m * m);
  for (let i = 0; i < m; i += 1) for (let j = 0; j < m; j += 1) {
    let sum = 0;
    for (let u = 0; u < 3; u += 1) for (let v = 0; v < 3; v += 1) sum += picture[(i + u) * n + j + v] * kernel[3 * u + v];
    out[i * m + j] = sum;
  }
  return out;
}
const M = N - 2;

function render({ model, el }) {
  let picture = PICTURES[model.get("picture") ?? "boot"][1]();
  let kernel = [...KERNELS["left or right border"]];
  let out, most, at = [14, 9], draws = false; // `at`: row and column of the window's corner
  const aloud = announcer(el);
  const grey = bitmap(N, N);
  const map = bitmap(M, M);

  const left = canvas(1, (g, w) => {
    const c = colours(el);
    for (let i = 0; i < N * N; i += 1) {
      const value = Math.round(255 * Math.max(0, Math.min(1, picture[i])));
      grey.data.fill(value, 4 * i, 4 * i + 3);
    }
    grey.put();
    g.imageSmoothingEnabled = false;
    g.drawImage(grey.node, 0, 0, w, w);
    const cell = w / N;
    g.lineWidth = 4;
    g.strokeStyle = c.css.paper;
    g.strokeRect(at[1] * cell, at[0] * cell, 3 * cell, 3 * cell);
    g.lineWidth = 2.5;
    g.strokeStyle = c.css.c5;
    g.strokeRect(at[1] * cell, at[0] * cell, 3 * cell, 3 * cell);
  }, { class: "w-plot w-touch", tabindex: 0, role: "application" });
  const right = canvas(1, (g, w) => {
    const c = colours(el);
    for (let i = 0; i < M * M; i += 1) {
      const t = out[i] / most;
      map.data.set(mix(c.paper, t < 0 ? c.c2 : c.c1, Math.min(1, Math.abs(t))), 4 * i);
    }
    map.put();
    g.imageSmoothingEnabled = false;
    g.drawImage(map.node, 0, 0, w, w);
    const cell = w / M;
    g.lineWidth = 2.5;
    g.strokeStyle = c.css.c5;
    g.strokeRect(at[1] * cell - 1, at[0] * cell - 1, cell + 2, cell + 2);
  }, { class: "w-plot w-touch", role: "img" });

  const fields = kernel.map((v, i) => h("input", { type: "number", step: "any", value: v, "aria-label": `Weight in row ${Math.floor(i / 3) + 1}, column ${(i % 3) + 1}`, oninput: () => {
    kernel[i] = Number(fields[i].value) || 0;
    preset.value = "own";
    compute();
  } }));
  const windowCells = kernel.map(() => h("td"));
  const productCells = kernel.map(() => h("td"));
  const grid = (label, cells) => h("table", { class: "w-nine w-numbers" }, h("caption", {}, label), h("tbody", {}, ...[0, 3, 6].map((r) => h("tr", {}, ...cells.slice(r, r + 3)))));
  const sum = h("p", { class: "w-sum w-numbers" });
  const tint = (node, value, scale) => {
    node.textContent = tell(value);
    node.style.background = value === 0 ? "" : `color-mix(in srgb, var(--${value < 0 ? "c2" : "c1"}) ${Math.round(Math.min(1, Math.abs(value) / scale) * 38)}%, transparent)`;
  };
  function compute() {
    out = correlate(picture, kernel);
    most = Math.max(1e-9, ...out.map(Math.abs));
    look();
  }
  function look(speak = false) {
    const [i, j] = at;
    const pixels = kernel.map((_, k) => picture[(i + Math.floor(k / 3)) * N + j + (k % 3)]);
    pixels.forEach((p, k) => { windowCells[k].textContent = tell(p); });
    const products = pixels.map((p, k) => p * kernel[k]);
    const scale = Math.max(1, ...products.map(Math.abs));
    products.forEach((p, k) => tint(productCells[k], p, scale));
    const value = out[i * M + j];
    sum.replaceChildren("Their sum, ", h("strong", {}, tell(value)), `, is the number of the map in row ${i + 1}, column ${j + 1}.`);
    set(left, { "aria-label": `The picture, 28 × 28. The window is at row ${i + 1}, column ${j + 1}. Arrow keys move it${draws ? ", Space paints" : ""}.` });
    set(right, { "aria-label": `The map, 26 × 26, from ${tell(Math.min(...out))} to ${tell(Math.max(...out))}. Row ${i + 1}, column ${j + 1} is ${tell(value)}.` });
    if (speak) aloud(`Row ${i + 1}, column ${j + 1}: ${tell(value)}.`);
    left.redraw();
    right.redraw();
  }
  const clamp = (v) => Math.max(0, Math.min(M - 1, v));
  const go = (i, j, speak) => { at = [clamp(i), clamp(j)]; look(speak); };
  function brush(row_, column, value = 1) {
    for (let i = -1; i <= 1; i += 1) for (let j = -1; j <= 1; j += 1) {
      const [r, c] = [row_ + i, column + j];
      if (r < 0 || c < 0 || r >= N || c >= N) continue;
      const near = i === 0 && j === 0 ? 1 : i === 0 || j === 0 ? 0.6 : 0.25;
      picture[r * N + c] = Math.max(picture[r * N + c], near * value);
    }
    compute();
  }
  const pointed = (x, y) => {
    run.stop(); tellRun();
    const [r, c] = [Math.floor(y * N), Math.floor(x * N)];
    if (draws) brush(r, c);
    else go(r - 1, c - 1);
  };
  drag(left, { down: (x, y) => { left.focus({ preventScroll: true }); pointed(x, y); return true; }, move: pointed });
  drag(right, { down: (x, y) => { go(Math.floor(y * M), Math.floor(x * M)); return true; }, move: (x, y) => go(Math.floor(y * M), Math.floor(x * M)) });
  left.addEventListener("keydown", (event) => {
    const by = arrow(event);
    if (by) go(at[0] - by[1], at[1] + by[0], true);
    if (draws && event.key === " ") { event.preventDefault(); brush(at[0] + 1, at[1] + 1); aloud("Painted."); }
  });

  let due = 0;
  const run = loop(el, (now) => {
    if (now < due) return;
    due = now + 28;
    const next = at[0] * M + at[1] + 1;
    if (next >= M * M) { run.stop(); tellRun(); return; }
    go(Math.floor(next / M), next % M);
  });
  const slide = button("Slide", () => {
    if (run.running) run.stop();
    else if (calm()) go(M - 1, M - 1, true);
    else { if (at[0] === M - 1 && at[1] === M - 1) at = [0, 0]; else at = [at[0], 0]; run.start(); }
    tellRun();
  }, { class: "main" });
  const tellRun = () => { slide.textContent = run.running ? "Stop" : "Slide"; };

  const preset = select({ label: "Kernel", options: [...Object.keys(KERNELS).map((k) => [k, k]), ["own", "your own"]], value: "left or right border", change: (name) => {
    if (!KERNELS[name]) return;
    kernel = [...KERNELS[name]];
    kernel.forEach((v, i) => { fields[i].value = Number(v.toFixed(3)); });
    compute();
    aloud(`Kernel ${name}. The map goes from ${tell(Math.min(...out))} to ${tell(Math.max(...out))}.`);
  } });
  const flip = button("Flip it", () => {
    kernel.reverse();
    kernel.forEach((v, i) => { fields[i].value = Number(v.toFixed(3)); });
    preset.value = "own";
    compute();
    aloud("The kernel is turned upside down and left to right.");
  });
  el.append(
    row(select({ label: "Picture", options: Object.entries(PICTURES).map(([k, v]) => [k, v[0]]), value: model.get("picture") ?? "boot", change: (k) => { picture = PICTURES[k][1](); compute(); } }),
      preset, flip, slide,
      choice({ label: "A press on the picture", value: "move", options: [["move", "moves"], ["draw", "draws"]], change: (v) => { draws = v === "draw"; look(); } })),
    h("div", { class: "w-pair" },
      h("div", {}, h("p", { class: "w-soft" }, "Picture, 28\u00a0×\u00a028"), left),
      h("div", {}, h("p", { class: "w-soft" }, "Map, 26\u00a0×\u00a026"), right)),
    h("p", { class: "w-soft w-legend" }, "In the map: ", h("span", { class: "w-key", style: "color: var(--c1)" }), "above 0 ", h("span", { class: "w-key", style: "color: var(--c2); margin-left: 0.6rem" }), "below 0"),
    h("div", { class: "w-products" }, grid("pixels in the window", windowCells), h("span", { class: "w-sign", "aria-hidden": "true" }, "×"),
      h("div", { class: "w-nine w-edit", role: "group", "aria-label": "Kernel" }, h("p", {}, "kernel"), ...fields),
      h("span", { class: "w-sign", "aria-hidden": "true" }, "="), grid("products", productCells)),
    sum);
  compute();
}
export default { render };
