// The perceptron rule, one example at a time, on points that the reader moves.
import { announcer, arrow, button, calm, choice, drag, h, loop, row, s, select, set, tell } from "./lib.js";

// Each preset: the window of the plane, and points [x1, x2, label].
export const PRESETS = {
  six: ["The six points of the text", [-1, 7, -1, 5], [[3, 1, 0], [2, 3, 1], [5, 2, 0], [0, 3, 1], [5, 3, 0], [0, 2, 1]]],
  thin: ["A thin gap", [-1, 7, -1, 5], [[0, 0, 0], [1, 1, 0], [3, 2.5, 0], [5, 4, 0], [6, 4.5, 0], [0, 1, 1], [2, 2.5, 1], [3, 3.25, 1], [4, 4.25, 1], [1, 4, 1]]],
  xor: ["XOR", [-0.5, 1.5, -0.25, 1.25], [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]],
};

/** The rule at its start: no weights, no mistakes. */
export function start() {
  return { w: [0, 0], b: 0, next: 0, epoch: 1, mistakes: [0], total: 0, looks: 0, done: false, last: null };
}
export function logit(state, x) {
  return state.w[0] * x[0] + state.w[1] * x[1] + state.b;
}
/** Look at the next point [x1, x2, label]: correct the weights if it is wrong. Changes `state`. */
export function look(state, points) {
  const x = points[state.next];
  const z = logit(state, x);
  const answer = z >= 0 ? 1 : 0;
  const error = x[2] - answer;
  state.last = { index: state.next, x, z, answer, error };
  state.looks += 1;
  if (error !== 0) {
    state.w = [state.w[0] + error * x[0], state.w[1] + error * x[1]];
    state.b += error;
    state.mistakes[state.mistakes.length - 1] += 1;
    state.total += 1;
  }
  state.next += 1;
  if (state.next >= points.length) {
    state.next = 0;
    if (state.mistakes[state.mistakes.length - 1] === 0) state.done = true;
    else { state.mistakes.push(0); state.epoch += 1; }
  }
  return state;
}
/** Run the rule until an epoch has no mistake, or for so many epochs. */
export function train(points, most) {
  const state = start();
  while (!state.done && state.epoch <= most) look(state, points);
  return state;
}
/** The part of the window [x0, x1, y0, y1] where the neuron answers 1, as corners. */
export function half(state, [x0, x1, y0, y1]) {
  const corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  const found = [];
  corners.forEach((p, i) => {
    const q = corners[(i + 1) % 4];
    const [a, c] = [logit(state, p), logit(state, q)];
    if (a >= 0) found.push(p);
    if ((a >= 0) !== (c >= 0)) found.push([p[0] + (q[0] - p[0]) * a / (a - c), p[1] + (q[1] - p[1]) * a / (a - c)]);
  });
  return found;
}
const LONG = 100; // epochs after which a run gives up
const SIZE = [400, 300];

function render({ model, el }) {
  let name = PRESETS[model.get("preset")] ? model.get("preset") : "six";
  let points, view, state, adds = 1, chosen = -1, before = null;
  const X = (x) => ((x - view[0]) / (view[1] - view[0])) * SIZE[0];
  const Y = (y) => ((view[3] - y) / (view[3] - view[2])) * SIZE[1];
  const place = (x, y) => [view[0] + x * (view[1] - view[0]), view[3] - y * (view[3] - view[2])];
  const grain = () => (view[1] - view[0]) / 80;
  const round = (v) => Math.round(v * 20) / 20;

  const side = s("polygon", { fill: "var(--c1)", opacity: 0.13 });
  const ticks = s("g", { stroke: "var(--line)", "font-size": 11 });
  const line = s("line", { stroke: "var(--c2)", "stroke-width": 2.5 });
  const old = s("line", { stroke: "var(--c2)", "stroke-width": 1.5, "stroke-dasharray": "3 4", opacity: 0.7 });
  const normal = s("path", { stroke: "var(--c2)", fill: "none", "stroke-width": 2 });
  const ring = s("circle", { r: 15, fill: "none", stroke: "var(--c5)", "stroke-width": 2.5 });
  const marks = s("g");
  const plane = s("rect", { width: SIZE[0], height: SIZE[1], fill: "transparent" });
  const picture = s("svg", { viewBox: `0 0 ${SIZE[0]} ${SIZE[1]}`, class: "w-plot", role: "group", "aria-label": "The plane with the points and the line" },
    side, ticks, plane, old, line, normal, ring, marks);
  const bars = s("svg", { viewBox: "0 0 400 46", role: "img" });
  const say = h("p", { class: "w-say" });
  const numbers = h("p", { class: "w-numbers" });
  const aloud = announcer(el);
  const inside = (p) => [0, 1].map((a) => Math.min(view[2 * a + 1], Math.max(view[2 * a], round(p[a]))));

  function reset() {
    state = start();
    before = null;
    draw("All weights are 0, so every logit is 0 and every answer 1. Press Step.");
  }
  function load() {
    [, view, points] = PRESETS[name];
    points = points.map((p) => [...p]);
    chosen = -1;
    marks.replaceChildren();
    reset();
  }
  function changed(text) { // the points are others now: the line stays, the counting starts again
    Object.assign(state, { next: 0, epoch: 1, mistakes: [0], total: 0, looks: 0, done: false, last: null });
    before = null;
    draw(text);
  }
  function sentence() {
    const { index, x, z, answer, error } = state.last;
    const seen = `Point ${index + 1} at (${tell(x[0])}, ${tell(x[1])}), truth ${x[2]}: logit ${tell(z)}, answer ${answer}, `;
    if (state.done) return `${seen}right. An epoch without a mistake: the rule is done after ${state.total} ${state.total === 1 ? "mistake" : "mistakes"}.`;
    if (error === 0) return `${seen}right. Nothing changes.`;
    return `${seen}wrong. ${error > 0 ? "Add it to" : "Subtract it from"} the weights.`;
  }
  function step() {
    before = { w: state.w, b: state.b };
    look(state, points);
    if (state.last.error === 0) before = null;
    draw(sentence());
  }
  const ends = (rule) => {
    const found = half(rule, view).filter((p) => Math.abs(logit(rule, p)) < 1e-9 * (1 + Math.abs(rule.b)));
    return found.length > 1 ? { x1: X(found[0][0]), y1: Y(found[0][1]), x2: X(found[found.length - 1][0]), y2: Y(found[found.length - 1][1]), visibility: null } : { visibility: "hidden" };
  };
  function draw(text) {
    set(side, { points: half(state, view).map(([x, y]) => `${X(x)},${Y(y)}`).join(" ") });
    set(line, ends(state));
    set(old, before ? ends(before) : { visibility: "hidden" });
    const long = Math.hypot(...state.w);
    const at = ends(state);
    if (long && !at.visibility) {
      const [mx, my] = [(at.x1 + at.x2) / 2, (at.y1 + at.y2) / 2];
      const [ux, uy] = [state.w[0] / long, -state.w[1] / long];
      const [ex, ey] = [mx + 34 * ux, my + 34 * uy];
      set(normal, { d: `M${mx} ${my}L${ex} ${ey}m${-8 * ux - 5 * uy} ${-8 * uy + 5 * ux}L${ex} ${ey}l${-8 * ux + 5 * uy} ${-8 * uy - 5 * ux}`, visibility: null });
    } else set(normal, { visibility: "hidden" });
    const now = state.last && points[state.last.index];
    set(ring, now ? { cx: X(now[0]), cy: Y(now[1]), visibility: null } : { visibility: "hidden" });
    ticks.replaceChildren();
    const by = view[1] - view[0] > 4 ? 1 : 0.5;
    for (let x = Math.ceil(view[0] / by) * by; x < view[1]; x += by) ticks.append(s("line", { x1: X(x), x2: X(x), y1: 0, y2: SIZE[1], "stroke-width": x === 0 ? 1.6 : 0.7 }));
    for (let y = Math.ceil(view[2] / by) * by; y < view[3]; y += by) ticks.append(s("line", { y1: Y(y), y2: Y(y), x1: 0, x2: SIZE[0], "stroke-width": y === 0 ? 1.6 : 0.7 }));
    const label = (x, y, v) => ticks.append(s("text", { x, y, stroke: "none", class: "w-faint" }, tell(v)));
    for (let x = Math.ceil(view[0] / by) * by; x < view[1]; x += by) if (x > view[0]) label(X(x) + 3, SIZE[1] - 5, x);
    for (let y = Math.ceil(view[2] / by) * by; y < view[3]; y += by) if (y > view[2]) label(4, Y(y) - 4, y);
    drawPoints();
    drawBars();
    const wrong = points.filter((p) => (logit(state, p) >= 0 ? 1 : 0) !== p[2]).length;
    numbers.replaceChildren(h("strong", {}, `w = (${tell(state.w[0])}, ${tell(state.w[1])}), b = ${tell(state.b)}`),
      ` · epoch ${state.epoch} · ${state.total} ${state.total === 1 ? "mistake" : "mistakes"} so far · ${wrong} of ${points.length} points on the wrong side now`);
    say.textContent = text;
    if (!run.running) aloud(text);
    steps.disabled = state.done || points.length < 2;
    runs.disabled = state.done || points.length < 2;
    runs.textContent = run.running ? "Pause" : "Run";
    flip.disabled = remove.disabled = chosen < 0;
  }
  function drawPoints() {
    while (marks.children.length > points.length) marks.lastChild.remove();
    while (marks.children.length < points.length) marks.append(dot(marks.children.length));
    points.forEach((p, i) => {
      const wrong = (logit(state, p) >= 0 ? 1 : 0) !== p[2];
      const node = marks.children[i];
      set(node, {
        transform: `translate(${X(p[0])} ${Y(p[1])})`,
        "aria-label": `Point ${i + 1}, class ${p[2]}, at ${tell(p[0])}, ${tell(p[1])}${wrong ? ", on the wrong side" : ""}. Arrow keys move it, Enter changes its class, Delete removes it.`,
        "aria-pressed": String(i === chosen),
      });
      const colour = p[2] ? "var(--c1)" : "var(--c0)";
      const [halo, square, disc] = node.children; // kept: a finger's target must stay while it moves
      set(halo, { stroke: i === chosen ? "var(--accent)" : "none" });
      set(square, { visibility: p[2] ? "hidden" : null });
      set(disc, { visibility: p[2] ? null : "hidden" });
      for (const shape of [square, disc]) set(shape, { fill: wrong ? "var(--paper)" : colour, stroke: colour });
    });
  }
  function dot(i) {
    const node = s("g", { tabindex: 0, role: "button", "data-drag": "" },
      s("circle", { r: 18, fill: "transparent", class: "w-halo", "stroke-width": 1.5, "stroke-dasharray": "2 3" }),
      s("rect", { x: -7, y: -7, width: 14, height: 14, "stroke-width": 3 }), s("circle", { r: 8, "stroke-width": 3 }));
    const choose = () => { chosen = i; drawPoints(); flip.disabled = remove.disabled = false; };
    node.addEventListener("focus", choose);
    node.addEventListener("keydown", (event) => {
      const by = arrow(event);
      if (by) {
        points[i].splice(0, 2, ...inside([points[i][0] + by[0] * grain() * 2, points[i][1] + by[1] * grain() * 2]));
        changed(`Point ${i + 1} is at (${tell(points[i][0])}, ${tell(points[i][1])}).`);
      } else if (event.key === "Enter" || event.key === " ") { event.preventDefault(); flipChosen(); }
      else if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); removeChosen(); }
    });
    return node;
  }
  let held = -1;
  drag(picture, {
    down(x, y, event) {
      const node = event.target.closest("[data-drag]");
      held = node ? [...marks.children].indexOf(node) : -1;
      if (held >= 0) { node.focus({ preventScroll: true }); return true; }
      if (!add.open) return false;
      points.push([...inside(place(x, y)), adds]);
      changed(`A point of class ${adds} was added.`);
      chosen = points.length - 1;
      marks.children[chosen].focus({ preventScroll: true });
      held = chosen;
      return true;
    },
    move(x, y) {
      if (held < 0) return;
      points[held].splice(0, 2, ...inside(place(x, y)));
      changed(`Point ${held + 1} is at (${tell(points[held][0])}, ${tell(points[held][1])}). The rule starts counting again; the line stays.`);
    },
    up() { held = -1; },
  });
  const flipChosen = () => {
    points[chosen][2] = 1 - points[chosen][2];
    changed(`Point ${chosen + 1} is of class ${points[chosen][2]} now.`);
  };
  const removeChosen = () => {
    if (points.length < 3) { draw("Two points must stay."); return; }
    points.splice(chosen, 1);
    const at = Math.min(chosen, points.length - 1);
    changed("The point is gone.");
    marks.children[at].focus();
  };
  function drawBars() {
    const shown = state.mistakes.slice(-40);
    const high = Math.max(4, ...shown);
    bars.replaceChildren(s("line", { x1: 0, x2: 400, y1: 45, y2: 45, stroke: "var(--line-strong)" }),
      ...shown.map((n, i) => s("rect", { x: i * 10, width: 7, y: 44 - (n / high) * 40, height: Math.max(1, (n / high) * 40), fill: "var(--c5)" })));
    set(bars, { "aria-label": `Mistakes in each epoch: ${state.mistakes.slice(-12).join(", ")}` });
  }

  let due = 0;
  const run = loop(el, (now) => {
    if (now < due) return;
    due = now + Math.max(40, 420 - 12 * state.looks);
    step();
    if (state.done || state.epoch > LONG) halt();
  });
  function halt() {
    run.stop();
    draw(state.done ? say.textContent : `${state.looks} looks, ${state.total} mistakes, and no epoch without one. ${separable() ? "A line exists, but the gap is thin: run on." : "No line parts these points, so the rule will never stop."}`);
  }
  // A rule that has been right about all points within 20,000 looks has shown that a line exists.
  const separable = () => train(points, Math.ceil(20000 / points.length)).done;
  function toggle() {
    if (run.running) { run.stop(); draw(say.textContent); return; }
    const until = state.epoch + LONG;
    if (!calm()) { if (state.epoch > LONG) Object.assign(state, { epoch: 1, mistakes: [0] }); due = 0; run.start(); draw(say.textContent); return; }
    while (!state.done && state.epoch < until) look(state, points);
    before = null;
    if (state.done) draw(sentence());
    else halt();
  }
  const steps = button("Step", step, { class: "main" });
  const runs = button("Run", toggle);
  const flip = button("Change its class", flipChosen);
  const remove = button("Remove it", removeChosen);
  const place1 = button("Put one in the middle", () => {
    points.push([...inside(place(0.5, 0.5)), adds]);
    changed(`A point of class ${adds} was added in the middle.`);
    marks.lastChild.focus();
  });
  const add = h("details", { class: "w-more" }, h("summary", {}, "Add or change points"),
    row(choice({ label: "New points are of class", value: 1, options: [[1, "1 ●"], [0, "0 ■"]], change: (v) => { adds = v; } }), place1, flip, remove),
    h("p", { class: "w-soft" }, "While this is open, a tap on the plane adds a point. A chosen point has a dotted ring."));
  add.addEventListener("toggle", () => picture.classList.toggle("w-touch", add.open));
  el.append(
    row(select({ label: "Points", options: Object.entries(PRESETS).map(([k, v]) => [k, v[0]]), value: name, change: (v) => { name = v; run.stop(); load(); } }),
      steps, runs, button("Reset the line", () => { run.stop(); reset(); })),
    h("div", { class: "w-split" }, picture,
      h("div", {}, say, numbers, h("p", { class: "w-soft", style: "margin:0" }, "Mistakes in each epoch"), bars)),
    add);
  load();
}
export default { render };
