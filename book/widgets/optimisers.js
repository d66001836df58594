// Four optimisers race down a surface. The formulas are those of the chapter.
import { announcer, arrow, button, calm, canvas, checkbox, colours, drag, h, loop, row, select, set, slider, tell } from "./lib.js";

// Each surface: title, the window [x0, x1, y0, y1], a start, the loss, its gradient, the minima,
// and a learning rate that suits each optimiser.
export const SURFACES = {
  ravine: { title: "Ravine, 25 times as steep across", view: [-6, 3, -2.4, 2.4], start: [-5, 1.5], loss: (x, y) => 0.5 * (x * x + 25 * y * y), slope: (x, y) => [x, 25 * y], ends: [[0, 0]], rates: [0.07, 0.02, 0.2, 0.5] },
  bowl: { title: "Bowl, equally steep", view: [-6, 3, -2.4, 2.4], start: [-5, 1.5], loss: (x, y) => 0.5 * (x * x + y * y), slope: (x, y) => [x, y], ends: [[0, 0]], rates: [0.3, 0.1, 0.2, 0.5] },
  saddle: { title: "Saddle between two minima", view: [-3, 3, -1.8, 1.8], start: [-2.5, 0.02], loss: (x, y) => 0.5 * x * x - 0.5 * y * y + 0.25 * y ** 4, slope: (x, y) => [x, -y + y ** 3], ends: [[0, 1], [0, -1]], rates: [0.2, 0.05, 0.05, 0.1] },
  rosenbrock: { title: "Rosenbrock’s curved valley", view: [-2, 2, -0.8, 2.4], start: [-1.4, 1.8], loss: (x, y) => (1 - x) ** 2 + 100 * (y - x * x) ** 2, slope: (x, y) => [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)], ends: [[1, 1]], rates: [0.001, 0.0002, 0.01, 0.1] },
};

// One step for one number: (parameter, gradient, state, lr) -> parameter; `state` is changed.
export const OPTIMISERS = {
  SGD: (p, g, state, lr) => p - lr * g,
  momentum(p, g, state, lr, beta = 0.9) {
    state.v = beta * (state.v ?? 0) + g;
    return p - lr * state.v;
  },
  RMSprop(p, g, state, lr, rho = 0.99, eps = 1e-8) {
    state.s = rho * (state.s ?? 0) + (1 - rho) * g * g;
    return p - (lr * g) / (Math.sqrt(state.s) + eps);
  },
  Adam(p, g, state, lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8) {
    state.t = (state.t ?? 0) + 1;
    state.m = beta1 * (state.m ?? 0) + (1 - beta1) * g;
    state.s = beta2 * (state.s ?? 0) + (1 - beta2) * g * g;
    const m = state.m / (1 - beta1 ** state.t);
    const second = state.s / (1 - beta2 ** state.t);
    return p - (lr * m) / (Math.sqrt(second) + eps);
  },
};
/** The points that an optimiser visits: [[x, y], …], `steps` + 1 of them, fewer if it flies off. */
export function path(surface, name, lr, steps, start = surface.start) {
  const states = [{}, {}];
  const found = [start];
  for (let step = 0; step < steps; step += 1) {
    const [x, y] = found[found.length - 1];
    const g = surface.slope(x, y);
    const next = [x, y].map((p, i) => OPTIMISERS[name](p, g[i], states[i], lr));
    if (!next.every((v) => Math.abs(v) < 1e6)) break;
    found.push(next);
  }
  return found;
}
const NAMES = Object.keys(OPTIMISERS);
const DASH = [[], [9, 4], [3, 3], [12, 3, 3, 3]];
const LOW = -4, HIGH = 0.3; // exponents of ten of the learning rates

/** Lines of equal height: pairs of points on a grid of values (marching squares). */
export function contour(values, columns, rows, level) {
  const found = [];
  const at = (c, r) => values[r * columns + c];
  for (let r = 0; r < rows - 1; r += 1) {
    for (let c = 0; c < columns - 1; c += 1) {
      const cut = [];
      const side = (c0, r0, c1, r1) => {
        const [a, b] = [at(c0, r0) - level, at(c1, r1) - level];
        if (a < 0 !== b < 0) cut.push([c0 + ((c1 - c0) * a) / (a - b), r0 + ((r1 - r0) * a) / (a - b)]);
      };
      side(c, r, c + 1, r); side(c + 1, r, c + 1, r + 1); side(c, r + 1, c + 1, r + 1); side(c, r, c, r + 1);
      for (let i = 0; i + 1 < cut.length; i += 2) found.push([cut[i], cut[i + 1]]);
    }
  }
  return found;
}

function render({ model, el }) {
  let name = SURFACES[model.get("surface")] ? model.get("surface") : "ravine";
  let steps = model.get("steps") ?? 30;
  let surface, begin, shown, lines;
  const lanes = NAMES.map((n, i) => ({ name: n, on: true, rate: 0.1, path: [], index: i }));
  const aloud = announcer(el);
  const RATIO = 0.56;
  const view = () => surface.view;
  const toX = (x, w) => ((x - view()[0]) / (view()[1] - view()[0])) * w;
  const toY = (y, v) => ((view()[3] - y) / (view()[3] - view()[2])) * v;

  function contours() { // levels that grow like squares: as the eye expects of a bowl
    const [columns, rows] = [151, 101];
    const [x0, x1, y0, y1] = view();
    const grid = new Float64Array(columns * rows);
    let low = Infinity;
    for (let r = 0; r < rows; r += 1) for (let c = 0; c < columns; c += 1) {
      const v = surface.loss(x0 + ((x1 - x0) * c) / (columns - 1), y1 - ((y1 - y0) * r) / (rows - 1));
      grid[r * columns + c] = v;
      low = Math.min(low, v);
    }
    const high = Math.max(...grid);
    lines = [];
    for (let i = 1; i <= 13; i += 1) {
      const level = low + (high - low) * (i / 14) ** 3.2;
      lines.push(contour(grid, columns, rows, level).map((pair) => pair.map(([c, r]) => [c / (columns - 1), r / (rows - 1)])));
    }
  }
  const map = canvas(RATIO, (g, w, v) => {
    const { css } = colours(el);
    g.lineWidth = 1;
    g.strokeStyle = css.line;
    for (const level of lines) {
      g.beginPath();
      for (const [a, b] of level) { g.moveTo(a[0] * w, a[1] * v); g.lineTo(b[0] * w, b[1] * v); }
      g.stroke();
    }
    g.fillStyle = css.soft;
    g.font = "12px system-ui, sans-serif";
    for (const [x, y] of surface.ends) {
      g.beginPath();
      for (let i = 0; i < 10; i += 1) g.lineTo(toX(x, w) + (i % 2 ? 3.4 : 8) * Math.sin((i * Math.PI) / 5), toY(y, v) - (i % 2 ? 3.4 : 8) * Math.cos((i * Math.PI) / 5));
      g.fill();
    }
    for (const lane of lanes) {
      if (!lane.on) continue;
      const seen = lane.path.slice(0, shown + 1);
      g.strokeStyle = g.fillStyle = css[`c${lane.index}`];
      g.lineWidth = 1.8;
      g.setLineDash(DASH[lane.index]);
      g.beginPath();
      for (const [x, y] of seen) g.lineTo(toX(x, w), toY(y, v));
      g.stroke();
      g.setLineDash([]);
      g.beginPath();
      if (seen.length < 60) for (const [x, y] of seen) { g.moveTo(toX(x, w) + 2, toY(y, v)); g.arc(toX(x, w), toY(y, v), 2, 0, 7); }
      const [x, y] = seen[seen.length - 1];
      g.moveTo(toX(x, w) + 5, toY(y, v));
      g.arc(toX(x, w), toY(y, v), 5, 0, 7);
      g.fill();
    }
    g.strokeStyle = css.ink;
    g.lineWidth = 2;
    g.beginPath();
    g.arc(toX(begin[0], w), toY(begin[1], v), 7, 0, 7);
    g.stroke();
  }, { class: "w-plot w-touch", tabindex: 0, role: "application" });

  const curve = canvas(0.3, (g, w, v) => {
    const { css } = colours(el);
    const floor = Math.min(...surface.ends.map(([x, y]) => surface.loss(x, y)));
    const above = (p) => Math.log10(Math.min(1e6, Math.max(1e-6, surface.loss(...p) - floor)));
    const on = lanes.filter((lane) => lane.on);
    const all = on.flatMap((lane) => lane.path.map(above));
    const [low, high] = [Math.floor(Math.min(0, ...all)), Math.ceil(Math.max(1, ...all))];
    const [left, foot] = [34, 16];
    const px = (i) => left + ((w - left - 8) * i) / steps;
    const py = (l) => 6 + ((v - foot - 8) * (high - l)) / (high - low);
    g.font = "11px system-ui, sans-serif";
    g.fillStyle = css.soft;
    g.strokeStyle = css.line;
    g.lineWidth = 1;
    for (let e = low; e <= high; e += Math.max(1, Math.ceil((high - low) / 4))) {
      g.fillText(e < -2 || e > 3 ? `1e${e}`.replace("-", "−") : String(10 ** e), 2, py(e) + 4);
      g.beginPath(); g.moveTo(left, py(e)); g.lineTo(w, py(e)); g.stroke();
    }
    g.fillText("step 0", left, v - 3);
    g.textAlign = "right";
    g.fillText(String(steps), w - 6, v - 3);
    g.textAlign = "left";
    for (const lane of on) {
      g.strokeStyle = css[`c${lane.index}`];
      g.lineWidth = 1.8;
      g.setLineDash(DASH[lane.index]);
      g.beginPath();
      lane.path.slice(0, shown + 1).forEach((p, i) => g.lineTo(px(i), py(above(p))));
      g.stroke();
    }
    g.setLineDash([]);
  }, { class: "w-plot", role: "img" });

  function result(lane) {
    const at = Math.min(shown, lane.path.length - 1);
    if (lane.path.length <= steps && at === lane.path.length - 1) return "flies off";
    return tell(surface.loss(...lane.path[at]), 3);
  }
  function draw() {
    map.redraw();
    curve.redraw();
    for (const lane of lanes) lane.told.textContent = lane.on ? result(lane) : "—";
    const words = lanes.filter((l) => l.on).map((l) => `${l.name} ${result(l)}`).join(", ");
    set(map, { "aria-label": `The surface from above. Start at (${tell(begin[0])}, ${tell(begin[1])}); arrow keys move it. Loss after ${shown} steps: ${words}.` });
    set(curve, { "aria-label": `The loss of each optimiser at every step. After ${shown} steps: ${words}.` });
  }
  function race(animate) {
    for (const lane of lanes) lane.path = path(surface, lane.name, lane.rate, steps, begin);
    const most = Math.max(...lanes.map((l) => l.path.length - 1));
    if (!animate || calm()) { run.stop(); shown = steps; finish(animate); return; }
    shown = 0;
    far = most;
    run.start();
    draw();
    go.textContent = "Stop";
  }
  let far = 0, due = 0;
  const run = loop(el, (now) => {
    if (now < due) return;
    due = now + 2500 / steps;
    shown += 1;
    if (shown >= Math.min(far, steps)) { shown = steps; run.stop(); finish(true); } else draw();
  });
  function finish(tellAll) {
    go.textContent = "Race";
    draw();
    if (!tellAll) return;
    const done = lanes.filter((l) => l.on && l.path.length > steps).sort((a, b) => surface.loss(...a.path[steps]) - surface.loss(...b.path[steps]));
    aloud(done.length ? `After ${steps} steps ${done[0].name} is lowest, at ${tell(surface.loss(...done[0].path[steps]), 3)}.` : "All of them fly off.");
  }
  function load(key) {
    name = key;
    surface = SURFACES[name];
    begin = [...surface.start];
    contours();
    lanes.forEach((lane, i) => { lane.rate = surface.rates[i]; lane.slider.value = Math.log10(lane.rate); });
    if (name === "rosenbrock") steps = 200; else if (steps > 60 || name !== "ravine") steps = model.get("steps") ?? 30;
    count.value = steps;
    race(false);
  }
  // A slider moves in steps; a rate that a surface brings is shown as it is.
  const show = (lane) => (e) => String(Number((Math.abs(Math.log10(lane.rate) - e) < 0.011 ? lane.rate : 10 ** e).toPrecision(2)));
  const table = h("div", { class: "w-lanes" });
  for (const lane of lanes) {
    lane.told = h("span", { class: "w-numbers w-told" });
    const tick = checkbox(h("span", {}, h("span", { class: "w-key", style: `color: var(--c${lane.index})` }), lane.name), true, (v) => { lane.on = v; draw(); });
    lane.slider = slider({ label: `lr of ${lane.name}`, min: LOW, max: HIGH, step: 0.02, value: -1, show: show(lane), change: (e) => { lane.rate = 10 ** e; race(false); } });
    table.append(h("div", { class: "w-lane" }, tick, lane.slider, h("span", { class: "w-end" }, h("span", { class: "w-soft" }, "loss "), lane.told)));
  }
  const count = slider({ label: "Steps", min: 5, max: 300, step: 5, value: steps, change: (v) => { steps = v; race(false); } });
  const go = button("Race", () => { if (run.running) { shown = steps; run.stop(); finish(true); } else race(true); }, { class: "main" });
  const move = (x, y) => {
    const [x0, x1, y0, y1] = view();
    begin = [Math.min(x1, Math.max(x0, x0 + x * (x1 - x0))), Math.min(y1, Math.max(y0, y1 - y * (y1 - y0)))];
    race(false);
  };
  drag(map, { down: (x, y) => { map.focus({ preventScroll: true }); move(x, y); return true; }, move });
  map.addEventListener("keydown", (event) => {
    const by = arrow(event);
    if (!by) return;
    const [x0, x1, y0, y1] = view();
    move((begin[0] - x0) / (x1 - x0) + by[0] / 100, (y1 - begin[1]) / (y1 - y0) - by[1] / 100);
    aloud(`Start at ${tell(begin[0])}, ${tell(begin[1])}. ${lanes.filter((l) => l.on).map((l) => `${l.name} ${result(l)}`).join(", ")}.`);
  });
  el.append(
    row(select({ label: "Surface", options: Object.entries(SURFACES).map(([k, v]) => [k, v.title]), value: name, change: load }), go, count),
    map,
    h("p", { class: "w-soft" }, "The ring is the start: drag it, or move it with the arrow keys. A star marks a minimum."),
    table,
    h("p", { class: "w-soft", style: "margin: 0.4rem 0 0.2rem" }, "Loss above the minimum, step by step"), curve);
  load(name);
}
export default { render };
