// A small network that learns while you watch: data, features, layers, and the choices of chapter 05.
import { announcer, bitmap, button, calm, canvas, checkbox, colours, h, loop, normal, onTheme, random, row, select, set, slider, tell } from "./lib.js";

const SPAN = 2.2; // the window is from −SPAN to SPAN
const GRID = 30; // points of a surface along one side
const MOST_LAYERS = 4, MOST_NEURONS = 8;

export const FEATURES = [
  ["x₁", (x) => x], ["x₂", (x, y) => y], ["x₁²", (x) => x * x], ["x₂²", (x, y) => y * y],
  ["x₁x₂", (x, y) => x * y], ["sin 2x₁", (x) => Math.sin(2 * x)], ["sin 2x₂", (x, y) => Math.sin(2 * y)],
];
// Each activation: its function, and its slope given what came out.
export const ACTIVATIONS = {
  ReLU: [(z) => (z > 0 ? z : 0), (a) => (a > 0 ? 1 : 0)],
  tanh: [Math.tanh, (a) => 1 - a * a],
  sigmoid: [(z) => 1 / (1 + Math.exp(-z)), (a) => a * (1 - a)],
  none: [(z) => z, () => 1],
};
const DATA = {
  circle: ["Circle", (u) => { const y = u() < 0.5 ? 1 : 0; const [r, t] = [y ? 0.9 * Math.sqrt(u()) : 1.25 + 0.7 * u(), 2 * Math.PI * u()]; return [r * Math.cos(t), r * Math.sin(t), y]; }],
  xor: ["XOR", (u) => { const p = () => (u() < 0.5 ? -1 : 1) * (0.12 + 1.85 * u()); const [x, y] = [p(), p()]; return [x, y, x * y < 0 ? 1 : 0]; }],
  moons: ["Moons", (u) => { const y = u() < 0.5 ? 1 : 0; const t = Math.PI * u(); return y ? [1.2 * Math.cos(t) + 0.6, 0.5 - 1.2 * Math.sin(t) + 0.1, 1] : [1.2 * Math.cos(t) - 0.6, 1.2 * Math.sin(t) - 0.4, 0]; }],
  spiral: ["Spiral", (u) => { const y = u() < 0.5 ? 1 : 0; const r = u(); const t = 1.6 * 2 * Math.PI * r + (y ? Math.PI : 0); return [1.95 * r * Math.sin(t), 1.95 * r * Math.cos(t), y]; }],
  blobs: ["Two clouds", (u, n) => { const y = u() < 0.5 ? 1 : 0; const c = y ? 0.95 : -0.95; return [c + 0.35 * n(), c + 0.35 * n(), y]; }],
};
/** Points { x, y, label } of a data set: half of them to train, half to test. */
export function points(name, noise, seed, count = 240) {
  const uniform = random(seed);
  const gauss = normal(uniform);
  return Array.from({ length: count }, () => {
    const [x, y, label] = DATA[name][1](uniform, gauss);
    return { x: x + noise * gauss(), y: y + noise * gauss(), label };
  });
}

/** A network of these sizes: W[l] holds a row of weights for each neuron. */
export function create(sizes, activation, seed) {
  const gauss = normal(random(seed));
  const net = { sizes, activation, W: [], b: [] };
  for (let l = 1; l < sizes.length; l += 1) {
    const scale = Math.sqrt((activation === "ReLU" && l < sizes.length - 1 ? 2 : 1) / sizes[l - 1]);
    net.W.push(Float64Array.from({ length: sizes[l] * sizes[l - 1] }, () => scale * gauss()));
    net.b.push(new Float64Array(sizes[l]));
  }
  return net;
}
/** Outputs of every layer for `count` inputs, neuron by neuron: layers[l][neuron * count + example].
 *  The last layer gives logits. Arrays of an earlier call are used again. */
export function forward(net, inputs, count, layers = []) {
  const [bend] = ACTIVATIONS[net.activation];
  layers[0] = inputs;
  net.W.forEach((W, l) => {
    const [from, to] = [net.sizes[l], net.sizes[l + 1]];
    const before = layers[l];
    if (layers[l + 1]?.length !== to * count) layers[l + 1] = new Float64Array(to * count);
    const out = layers[l + 1];
    const last = l === net.W.length - 1;
    for (let j = 0; j < to; j += 1) {
      const at = j * count;
      out.fill(net.b[l][j], at, at + count);
      for (let i = 0; i < from; i += 1) {
        const w = W[j * from + i];
        const of = i * count;
        for (let n = 0; n < count; n += 1) out[at + n] += w * before[of + n];
      }
      if (!last) for (let n = at; n < at + count; n += 1) out[n] = bend(out[n]);
    }
  });
  return layers;
}
/** Mean cross-entropy of logits z with labels 0 or 1, without overflow. */
export function crossEntropy(z, labels) {
  let sum = 0;
  for (let n = 0; n < labels.length; n += 1) sum += Math.max(z[n], 0) - z[n] * labels[n] + Math.log1p(Math.exp(-Math.abs(z[n])));
  return sum / labels.length;
}
/** Loss of a batch and its gradients { loss, W, b }, laid out like the network's. */
export function gradients(net, inputs, labels) {
  const count = labels.length;
  const layers = forward(net, inputs, count);
  const slope = ACTIVATIONS[net.activation][1];
  const found = { loss: 0, W: [], b: [] };
  const z = layers[layers.length - 1];
  found.loss = crossEntropy(z, labels);
  let up = Float64Array.from(z, (v, n) => (1 / (1 + Math.exp(-v)) - labels[n]) / count);
  for (let l = net.W.length - 1; l >= 0; l -= 1) {
    const [from, to] = [net.sizes[l], net.sizes[l + 1]];
    const before = layers[l];
    const dW = new Float64Array(to * from);
    const db = new Float64Array(to);
    const next = l > 0 ? new Float64Array(from * count) : null;
    for (let j = 0; j < to; j += 1) {
      for (let n = 0; n < count; n += 1) db[j] += up[j * count + n];
      for (let i = 0; i < from; i += 1) {
        const w = net.W[l][j * from + i];
        let sum = 0;
        for (let n = 0; n < count; n += 1) {
          sum += up[j * count + n] * before[i * count + n];
          if (next) next[i * count + n] += w * up[j * count + n];
        }
        dW[j * from + i] = sum;
      }
    }
    found.W[l] = dW;
    found.b[l] = db;
    if (next) for (let k = 0; k < next.length; k += 1) next[k] *= slope(before[k]);
    up = next;
  }
  return found;
}
/** One step of gradient descent on a batch; `penalty` is "L1", "L2" or "none". Returns the loss. */
export function step(net, inputs, labels, lr, penalty = "none", strength = 0) {
  const found = gradients(net, inputs, labels);
  net.W.forEach((W, l) => {
    for (let k = 0; k < W.length; k += 1) {
      const pull = penalty === "L2" ? W[k] : penalty === "L1" ? Math.sign(W[k]) : 0;
      const moved = W[k] - lr * (found.W[l][k] + strength * pull);
      W[k] = penalty === "L1" && W[k] * moved < 0 ? 0 : moved;
    }
    for (let j = 0; j < net.b[l].length; j += 1) net.b[l][j] -= lr * found.b[l][j];
  });
  return found.loss;
}
/** The settings of an address: "data=xor&hidden=4,2&act=tanh" -> an object; what is wrong is left out. */
export function settings(text, base) {
  const given = new URLSearchParams(text);
  const number = (key, low, high) => { const v = Number(given.get(key)); return given.has(key) && v >= low && v <= high ? { [key]: v } : {}; };
  const one = (key, allowed) => (allowed.includes(given.get(key)) ? { [key]: given.get(key) } : {});
  const found = { ...base, ...one("data", Object.keys(DATA)), ...one("act", Object.keys(ACTIVATIONS)), ...one("reg", ["none", "L1", "L2"]),
    ...number("lr", 1e-4, 10), ...number("rate", 0, 1), ...number("noise", 0, 1), ...number("batch", 1, 120), ...number("seed", 0, 99999) };
  if (given.has("hidden")) {
    const hidden = given.get("hidden").split(",").filter(Boolean).map(Number);
    if (hidden.length <= MOST_LAYERS && hidden.every((n) => Number.isInteger(n) && n >= 1 && n <= MOST_NEURONS)) found.hidden = hidden;
  }
  if (/^[01]{7}$/.test(given.get("in") ?? "") && given.get("in").includes("1")) found.in = given.get("in");
  return found;
}
const BASE = { data: "circle", in: "1100000", hidden: [4, 2], act: "tanh", lr: 0.1, reg: "none", rate: 0.003, noise: 0.1, batch: 10, seed: 1 };

function render({ model, el }) {
  const prefix = `#${el.closest("section")?.id ?? "playground"}:`;
  const base = { ...BASE, ...(model.get("setting") ?? {}) };
  const shared = () => location.hash.startsWith(prefix);
  let now = settings(shared() ? decodeURIComponent(location.hash.slice(prefix.length)) : "", base);
  let net, data, train, test, used, epoch, curve, chosen = null, surfaces = [], shuffle, palette;
  const aloud = announcer(el);
  const map = bitmap(GRID, GRID);
  const grid = { x: [], y: [] };
  for (let i = 0; i < GRID * GRID; i += 1) {
    grid.x.push(-SPAN + (2 * SPAN * (i % GRID)) / (GRID - 1));
    grid.y.push(SPAN - (2 * SPAN * Math.floor(i / GRID)) / (GRID - 1));
  }
  const columns = (xs, ys) => {
    const found = new Float64Array(used.length * xs.length);
    used.forEach((f, k) => { for (let n = 0; n < xs.length; n += 1) found[k * xs.length + n] = FEATURES[f][1](xs[n], ys[n]); });
    return found;
  };
  const split = (some) => ({ inputs: columns(some.map((p) => p.x), some.map((p) => p.y)), labels: Float64Array.from(some, (p) => p.label), count: some.length });
  let gridInputs;

  function newData() {
    data = points(now.data, now.noise, 7 + now.seed);
    newNet();
  }
  function newNet() {
    used = [...now.in].map((c, i) => (c === "1" ? i : -1)).filter((i) => i >= 0);
    train = split(data.slice(0, data.length / 2));
    test = split(data.slice(data.length / 2));
    gridInputs = columns(grid.x, grid.y);
    net = create([used.length, ...now.hidden, 1], now.act, 100 + now.seed);
    shuffle = random(now.seed);
    epoch = 0;
    curve = [];
    if (chosen && !nodeExists(chosen)) chosen = null;
    note();
    build();
    draw();
  }
  const nodeExists = ([l, j]) => (l === 0 ? used.includes(j) : now.hidden[l - 1] > j);
  const loss = (part) => crossEntropy(forward(net, part.inputs, part.count).at(-1), part.labels);
  const accuracy = (part) => { const z = forward(net, part.inputs, part.count).at(-1); return part.labels.reduce((n, y, i) => n + ((z[i] >= 0 ? 1 : 0) === y), 0) / part.count; };
  const note = () => curve.push([loss(train), loss(test)]);
  function learn() { // one epoch
    const order = [...train.labels.keys()];
    for (let i = order.length - 1; i > 0; i -= 1) { const j = Math.floor(shuffle() * (i + 1)); [order[i], order[j]] = [order[j], order[i]]; }
    for (let at = 0; at < order.length; at += now.batch) {
      const rows = order.slice(at, at + now.batch);
      const inputs = new Float64Array(used.length * rows.length);
      used.forEach((_, k) => rows.forEach((n, m) => { inputs[k * rows.length + m] = train.inputs[k * train.count + n]; }));
      step(net, inputs, Float64Array.from(rows, (n) => train.labels[n]), now.lr, now.reg, now.rate);
    }
    epoch += 1;
    note();
  }

  // --- the network as buttons on a drawing of its links
  const links = canvas(null, drawLinks, { class: "w-links", "aria-hidden": "true" });
  const nodes = h("div", { class: "w-nodes" });
  const board = h("div", { class: "w-board" }, links, nodes);
  let tiles = [];
  const HEAD = 34, PITCH = 37;
  const high = () => HEAD + PITCH * Math.max(FEATURES.length, ...now.hidden) + 4;
  const across = (l) => (now.hidden.length ? 7 + (86 * l) / now.hidden.length : 50);
  const down = (l, j) => HEAD + PITCH * (j + 0.5);
  function build() {
    const focused = document.activeElement?.dataset?.node;
    tiles = [];
    nodes.replaceChildren();
    board.style.height = `${high()}px`;
    const tile = (l, j, label, on) => {
      const face = h("canvas", { width: GRID, height: GRID });
      const node = h("button", { type: "button", class: "w-node", "data-node": `${l}-${j}`, style: `left:${across(l)}%;top:${down(l, j)}px`, "aria-pressed": l === 0 ? String(on) : String(chosen?.[0] === l && chosen[1] === j), "aria-label": label }, face);
      tiles.push({ l, j, node, pen: face.getContext("2d"), on });
      nodes.append(node);
      return node;
    };
    const head = (l, ...inside) => nodes.append(h("div", { class: "w-head", style: `left:${across(l)}%` }, ...inside));
    head(0, h("span", {}, "inputs"));
    FEATURES.forEach(([text], j) => {
      const on = now.in[j] === "1";
      const node = tile(0, j, `Feature ${text}`, on);
      node.append(h("span", { class: "w-name" }, text));
      node.classList.toggle("w-off", !on);
      node.addEventListener("click", () => {
        const next = [...now.in].map((c, k) => (k === j ? String(1 - Number(c)) : c)).join("");
        if (next.includes("1")) { now.in = next; newNet(); }
      });
    });
    now.hidden.forEach((count, index) => {
      const l = index + 1;
      const change = (by) => () => { now.hidden[index] += by; newNet(); };
      head(l, button("−", change(-1), { disabled: count <= 1, "aria-label": `One neuron less in layer ${l}`, "data-node": `less-${l}` }), button("+", change(1), { disabled: count >= MOST_NEURONS, "aria-label": `One neuron more in layer ${l}`, "data-node": `more-${l}` }));
      for (let j = 0; j < count; j += 1) {
        tile(l, j, `Layer ${l}, neuron ${j + 1}: show what it computes`, true).addEventListener("click", () => {
          chosen = chosen?.[0] === l && chosen[1] === j ? null : [l, j];
          for (const t of tiles) if (t.l) t.node.setAttribute("aria-pressed", String(chosen?.[0] === t.l && chosen[1] === t.j));
          draw();
        });
      }
    });
    if (focused) nodes.querySelector(`[data-node="${focused}"]`)?.focus({ preventScroll: true });
  }
  function drawLinks(g, w) {
    if (!net) return;
    palette ??= colours(el);
    const place = (l, j) => [(across(l) / 100) * w, down(l, j)];
    net.W.slice(0, -1).forEach((W, l) => {
      const from = l === 0 ? used : [...Array(now.hidden[l - 1]).keys()];
      const most = Math.max(1, ...W.map(Math.abs));
      for (let j = 0; j < now.hidden[l]; j += 1) from.forEach((f, i) => {
        const v = W[j * from.length + i];
        const [[x0, y0], [x1, y1]] = [place(l, f), place(l + 1, j)];
        g.strokeStyle = palette.css[v < 0 ? "c0" : "c1"];
        g.globalAlpha = 0.25 + 0.6 * Math.min(1, Math.abs(v) / most);
        g.lineWidth = Math.max(0.4, 5 * Math.abs(v) / most);
        g.beginPath();
        g.moveTo(x0 + 14, y0);
        g.bezierCurveTo((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1 - 14, y1);
        g.stroke();
      });
    });
    g.globalAlpha = 1;
  }
  function surface(values, at, bend) {
    for (let i = 0; i < GRID * GRID; i += 1) {
      const t = bend(values[at + i]);
      const to = t < 0 ? palette.c0 : palette.c1;
      const a = Math.min(1, Math.abs(t)) * 0.78;
      map.data[4 * i] = palette.paper[0] + (to[0] - palette.paper[0]) * a;
      map.data[4 * i + 1] = palette.paper[1] + (to[1] - palette.paper[1]) * a;
      map.data[4 * i + 2] = palette.paper[2] + (to[2] - palette.paper[2]) * a;
    }
    map.put();
  }
  const bendOf = (l) => (l > 0 && now.act === "sigmoid" ? (v) => 2 * v - 1 : l > 0 && now.act === "tanh" ? (v) => v : (v) => v / 2);
  const output = canvas(1, (g, w) => {
    if (!net || !palette) return;
    const last = surfaces.length - 1;
    if (chosen) surface(surfaces[chosen[0]], chosen[1] * GRID * GRID, bendOf(chosen[0]));
    else surface(surfaces[last], 0, (z) => 2 / (1 + Math.exp(-z)) - 1);
    g.imageSmoothingEnabled = true;
    g.drawImage(map.node, 0, 0, w, w);
    const show = (p, filled) => {
      const [x, y] = [((p.x + SPAN) / (2 * SPAN)) * w, ((SPAN - p.y) / (2 * SPAN)) * w];
      g.beginPath();
      if (p.label) g.arc(x, y, 3.2, 0, 7);
      else g.rect(x - 2.8, y - 2.8, 5.6, 5.6);
      g.fillStyle = filled ? palette.css[p.label ? "c1" : "c0"] : palette.css.paper;
      g.strokeStyle = filled ? palette.css.paper : palette.css[p.label ? "c1" : "c0"];
      g.lineWidth = filled ? 1 : 1.5;
      g.fill();
      g.stroke();
    };
    const half = data.length / 2;
    data.forEach((p, n) => { if (n < half) show(p, true); else if (tests.input.checked) show(p, false); });
  }, { class: "w-plot", role: "img" });
  const losses = canvas(null, (g, w, v) => {
    if (!net || !palette) return;
    const high_ = Math.max(0.75, ...curve.slice(0, 3).flat());
    g.font = "11px system-ui, sans-serif";
    g.fillStyle = palette.css.soft;
    g.strokeStyle = palette.css.line;
    g.lineWidth = 1;
    const py = (l) => 4 + (v - 8) * (1 - Math.min(l, high_) / high_);
    for (const l of [0, 0.25, 0.5, 0.75]) { g.beginPath(); g.moveTo(26, py(l)); g.lineTo(w, py(l)); g.stroke(); if (l) g.fillText(String(l), 2, py(l) + 4); }
    const stride = Math.max(1, Math.floor(curve.length / 250));
    ["ink", "c5"].forEach((name, which) => {
      g.strokeStyle = palette.css[name];
      g.lineWidth = 1.8;
      g.setLineDash(which ? [5, 3] : []);
      g.beginPath();
      for (let i = 0; i < curve.length; i += stride) g.lineTo(26 + ((w - 30) * i) / Math.max(30, curve.length - 1), py(curve[i][which]));
      g.stroke();
    });
    g.setLineDash([]);
  }, { class: "w-plot w-losses", role: "img" });
  const told = h("p", { class: "w-numbers w-told-now" });
  const shown = h("p", { class: "w-soft" });

  function draw() {
    palette ??= colours(el);
    surfaces = forward(net, gridInputs, GRID * GRID, surfaces.length === net.sizes.length ? surfaces : []);
    for (const t of tiles) {
      if (t.l === 0) {
        if (t.drawn === palette) continue;
        t.drawn = palette;
        surface(columnOf(t.j), 0, bendOf(0));
      } else surface(surfaces[t.l], t.j * GRID * GRID, bendOf(t.l));
      t.pen.drawImage(map.node, 0, 0);
    }
    links.redraw();
    output.redraw();
    losses.redraw();
    const [a, b] = curve[curve.length - 1];
    told.replaceChildren(h("strong", {}, `Epoch ${epoch}`), ` · loss ${tell(a, 3)} in training, ${tell(b, 3)} in the test`);
    shown.textContent = chosen ? `Shown: layer ${chosen[0]}, neuron ${chosen[1] + 1}. Press it again for the network's answer.` : "Shown: the network's answer. Press a neuron to see its own.";
  }
  const columnOf = (f) => Float64Array.from(grid.x, (x, n) => FEATURES[f][1](x, grid.y[n]));
  function state() {
    const [a, b] = curve[curve.length - 1];
    const text = `Epoch ${epoch}: training loss ${tell(a, 3)}, test loss ${tell(b, 3)}, ${Math.round(100 * accuracy(test))} % of the test points right.`;
    set(output, { "aria-label": `The network's answer over the plane, with the data. ${text}` });
    set(losses, { "aria-label": `Losses after each epoch. ${text}` });
    return text;
  }

  let spent = 0, frames = 0;
  const run = loop(el, () => {
    const began = performance.now();
    learn();
    draw();
    spent += performance.now() - began;
    frames += 1;
    if (frames === 10) { el.dataset.frame = (spent / frames).toFixed(2); spent = frames = 0; }
    if (!Number.isFinite(curve[curve.length - 1][0])) { pause(); aloud("The loss is no number any more: the learning rate is too large. Reset."); }
  });
  function pause() { run.stop(); tellRun(); aloud(state()); }
  const play = button("Train", () => {
    if (run.running) { pause(); return; }
    if (calm()) { for (let i = 0; i < 100; i += 1) learn(); draw(); aloud(state()); return; }
    run.start();
    tellRun();
  }, { class: "main" });
  const tellRun = () => { play.textContent = run.running ? "Pause" : calm() ? "Train 100 epochs" : "Train"; };
  const again = (change) => (v) => { change(v); newNet(); aloud(state()); };
  const option = (values) => values.map((v) => [String(v), String(v)]);
  const controls = {
    data: select({ label: "Data", options: Object.entries(DATA).map(([k, v]) => [k, v[0]]), value: now.data, change: (v) => { now.data = v; newData(); state(); } }),
    act: select({ label: "Activation", options: option(Object.keys(ACTIVATIONS)), value: now.act, change: again((v) => { now.act = v; }) }),
    lr: select({ label: "Learning rate", options: option([0.003, 0.01, 0.03, 0.1, 0.3, 1, 3]), value: String(now.lr), change: (v) => { now.lr = Number(v); } }),
    reg: select({ label: "Regularisation", options: option(["none", "L1", "L2"]), value: now.reg, change: (v) => { now.reg = v; } }),
    rate: select({ label: "its strength", options: option([0.001, 0.003, 0.01, 0.03, 0.1]), value: String(now.rate), change: (v) => { now.rate = Number(v); } }),
    batch: select({ label: "Batch", options: option([1, 10, 30, 120]), value: String(now.batch), change: (v) => { now.batch = Number(v); } }),
    layers: select({ label: "Hidden layers", options: option([0, 1, 2, 3, 4]), value: String(now.hidden.length), change: (v) => {
      while (now.hidden.length > Number(v)) now.hidden.pop();
      while (now.hidden.length < Number(v)) now.hidden.push(2);
      newNet();
    } }),
    noise: slider({ label: "Noise", min: 0, max: 0.5, step: 0.05, value: now.noise, change: (v) => { now.noise = v; newData(); } }),
  };
  const tests = checkbox("Show the test points", false, () => output.redraw());
  const address = h("input", { type: "text", readonly: true, hidden: true, "aria-label": "Address of this setting", class: "w-address" });
  const share = button("Share", async () => {
    const text = Object.entries(now).map(([k, v]) => `${k}=${v}`).join("&");
    try { history.replaceState(null, "", prefix + text); } catch { location.hash = prefix.slice(1) + text; }
    address.value = location.href;
    address.hidden = false;
    address.select();
    try { await navigator.clipboard.writeText(location.href); aloud("The address of this setting is copied."); } catch { aloud("The address of this setting is in the field."); }
  });
  function adopt() { // an address was opened while the page was
    if (!shared()) return;
    run.stop();
    now = settings(decodeURIComponent(location.hash.slice(prefix.length)), base);
    for (const key of ["data", "act", "reg"]) controls[key].value = now[key];
    for (const key of ["lr", "rate", "batch"]) controls[key].value = String(now[key]);
    controls.noise.value = now.noise;
    controls.layers.value = String(now.hidden.length);
    newData();
    tellRun();
  }
  addEventListener("hashchange", adopt);
  onTheme(() => { palette = colours(el); draw(); });
  el.append(
    row(play, button("One epoch", () => { run.stop(); tellRun(); learn(); draw(); aloud(state()); }),
      button("New start", () => { run.stop(); tellRun(); now.seed += 1; newNet(); aloud(state()); }), share, address),
    row(controls.data, controls.noise, controls.act, controls.layers, controls.lr, controls.batch, controls.reg, controls.rate),
    h("div", { class: "w-play" },
      h("div", {}, board), h("div", {}, output, tests, shown)),
    told,
    losses,
    h("p", { class: "w-soft", style: "margin: 0.3rem 0 0" }, "Loss in training (line) and on the test points (dashes)."));
  tellRun();
  newData();
  state();
}
export default { render };
