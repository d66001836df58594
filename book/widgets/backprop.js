// A small graph, forward and backward. The reader predicts each gradient and is told why.
import { announcer, button, h, random, row, s, select, set, tell } from "./lib.js";

// A node: [name, formula, x, y, inputs, value(inputs), slopes(inputs)]; a leaf has no inputs.
// The last node is the loss. `locals` words the slope for each input.
const add = (a, b) => a + b;
export const GRAPHS = {
  chain: {
    title: "The three nodes of the text", start: { w: 0.5, x: 4, y: 5 },
    nodes: [
      ["w", "w", 40, 45, []],
      ["x", "x", 40, 150, []],
      ["a", "a = wx", 140, 97, ["w", "x"], (w, x) => w * x, (w, x) => [x, w], ["x", "w"]],
      ["y", "y", 140, 195, []],
      ["e", "e = a − y", 240, 97, ["a", "y"], (a, y) => a - y, () => [1, -1], ["1", "−1"]],
      ["L", "L = e²", 340, 97, ["e"], (e) => e * e, (e) => [2 * e], ["2e"]],
    ],
  },
  join: {
    title: "One value on two paths", start: { x: 3 },
    nodes: [
      ["x", "x", 45, 120, []],
      ["u", "u = x + 1", 180, 55, ["x"], (x) => x + 1, () => [1], ["1"]],
      ["v", "v = x²", 180, 185, ["x"], (x) => x * x, (x) => [2 * x], ["2x"]],
      ["L", "L = uv", 320, 120, ["u", "v"], (u, v) => u * v, (u, v) => [v, u], ["v", "u"]],
    ],
  },
  neuron: {
    title: "A neuron with a ReLU", start: { w: 2, x: 3, b: -2, y: 7 },
    nodes: [
      ["w", "w", 40, 45, []],
      ["x", "x", 40, 120, []],
      ["b", "b", 40, 195, []],
      ["z", "z = wx + b", 140, 97, ["w", "x", "b"], (w, x, b) => w * x + b, (w, x) => [x, w, 1], ["x", "w", "1"]],
      ["y", "y", 150, 200, []],
      ["r", "r = relu(z)", 275, 97, ["z"], (z) => Math.max(z, 0), (z) => [z > 0 ? 1 : 0], ["relu′(z)"]],
      ["L", "L = (r − y)²", 312, 200, ["r", "y"], (r, y) => (r - y) ** 2, (r, y) => [2 * (r - y), -2 * (r - y)], ["2(r − y)", "−2(r − y)"]],
    ],
  },
  shared: {
    title: "A weight that is used twice", start: { w: 3, x: 2, y: 10 },
    nodes: [
      ["x", "x", 40, 55, []],
      ["w", "w", 40, 165, []],
      ["h", "h = wx", 140, 55, ["w", "x"], (w, x) => w * x, (w, x) => [x, w], ["x", "w"]],
      ["o", "o = wh", 234, 110, ["w", "h"], (w, hh) => w * hh, (w, hh) => [hh, w], ["h", "w"]],
      ["y", "y", 240, 205, []],
      ["L", "L = o − y", 332, 110, ["o", "y"], (o, y) => o - y, () => [1, -1], ["1", "−1"]],
    ],
  },
};

/** Values of all nodes, given the leaves' values. */
export function forward(graph, leaves) {
  const values = {};
  for (const [name, , , , inputs, value] of graph.nodes) {
    values[name] = inputs.length ? value(...inputs.map((i) => values[i])) : leaves[name];
  }
  return values;
}
/** For one node: the messages [{ from, upstream, local, words }] that meet there, given the
 *  gradients of the nodes that use it. */
export function messages(graph, values, gradients, name) {
  const found = [];
  for (const [user, , , , inputs, , slopes, words] of graph.nodes) {
    inputs.forEach((input, i) => {
      if (input === name) found.push({ from: user, upstream: gradients[user], local: slopes(...inputs.map((n) => values[n]))[i], words: words[i] });
    });
  }
  return found;
}
/** Gradients of the last node with respect to all, in the order in which they can be known. */
export function backward(graph, values) {
  const gradients = {};
  for (const [name] of [...graph.nodes].reverse()) {
    const met = messages(graph, values, gradients, name);
    gradients[name] = met.length ? met.map((m) => m.upstream * m.local).reduce(add) : 1;
  }
  return gradients;
}
/** What a wrong answer looks like: a sentence with its likely cause. */
export function diagnose(answer, values, met, name) {
  const right = met.map((m) => m.upstream * m.local).reduce(add);
  const near = (a, b) => Math.abs(a - b) < 1e-6 + 0.005 * Math.abs(b);
  if (near(answer, right)) return "";
  const [only] = met;
  if (near(answer, -right)) return "The size is right, the sign is not.";
  if (met.length > 1) {
    if (met.some((m) => near(answer, m.upstream * m.local))) return "That is the message of one path. Paths that meet add.";
    if (near(answer, met.map((m) => m.upstream * m.local).reduce((a, b) => a * b))) return "Factors multiply along a path; two paths that meet add.";
  } else {
    if (near(answer, only.local)) return "That is the local derivative alone. Multiply it by what comes from upstream.";
    if (near(answer, only.upstream)) return "That is the upstream gradient alone. Multiply it by the local derivative.";
    if (near(answer, only.upstream + only.local)) return "Along a path the two factors multiply; they do not add.";
  }
  if (near(answer, values[name])) return "That is the value that went forward, not the gradient that comes back.";
  return "Not this number.";
}

function render({ model, el }) {
  let kind = GRAPHS[model.get("graph")] ? model.get("graph") : "chain";
  let graph, leaves, values, gradients, at, tried, right, asked;
  let seed = 1;
  const defs = s("defs", {}, s("marker", { id: "bp-tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, s("path", { d: "M0 0.6L7.4 4L0 7.4", fill: "none", stroke: "context-stroke", "stroke-width": 1.4 })));
  const picture = s("svg", { viewBox: "14 12 362 226", role: "img" });
  const say = h("p", { class: "w-say" });
  const score = h("p", { class: "w-soft w-numbers" });
  const aloud = announcer(el);
  const speak = (text) => { say.textContent = text; aloud(text); };
  const order = () => [...graph.nodes].map((n) => n[0]).reverse();

  function load(keep) {
    graph = GRAPHS[kind];
    if (!keep) leaves = { ...graph.start };
    values = forward(graph, leaves);
    gradients = {};
    at = 0;
    tried = 0;
    draw();
    speak(`The given numbers are in their boxes. Press Forward, and each step computes its value.`);
  }
  const steps = () => graph.nodes.filter((n) => n[4].length);
  const phase = () => (at < steps().length ? "forward" : Object.keys(gradients).length < graph.nodes.length ? "backward" : "done");
  const shown = (name) => {
    const node = graph.nodes.find((n) => n[0] === name);
    return !node[4].length || steps().findIndex((n) => n[0] === name) < at;
  };
  const wanted = () => order().find((name) => !(name in gradients));

  function forwardOne() {
    const [name, formula, , , inputs] = steps()[at];
    at += 1;
    const used = inputs.map((i) => `${i} = ${tell(values[i])}`).join(", ");
    if (at === steps().length) {
      gradients.L = 1;
      right = asked = 0;
      draw();
      speak(`${formula}, with ${used}: ${name} = ${tell(values[name])}. Now back. The walk starts with ∂L/∂L = 1. ${question()}`);
      field.focus({ preventScroll: true });
    } else { draw(); speak(`${formula}, with ${used}: ${name} = ${tell(values[name])}.`); }
  }
  function question() {
    const name = wanted();
    const met = messages(graph, values, gradients, name);
    return met.length > 1 ? `What is ∂L/∂${name}? It has ${met.length} users: ${met.map((m) => m.from).join(" and ")}.` : `What is ∂L/∂${name}? It is used by ${met[0].from}, and ∂L/∂${met[0].from} = ${tell(met[0].upstream)}.`;
  }
  function reason(name) {
    const met = messages(graph, values, gradients, name);
    const terms = met.map((m) => `${met.length > 1 ? `through ${m.from}: ` : ""}upstream ${tell(m.upstream)} × local ${m.words}${m.words === tell(m.local) ? "" : ` = ${tell(m.local)}`} is ${tell(m.upstream * m.local)}`);
    return terms.join("; ") + (met.length > 1 ? "; together " + tell(met.map((m) => m.upstream * m.local).reduce(add)) : "");
  }
  function settle(begin) {
    const name = wanted();
    const why = reason(name);
    gradients[name] = backward(graph, values)[name];
    tried = 0;
    field.value = "";
    draw();
    if (phase() === "done") speak(`${begin} ${why}. Every gradient is known, at the price of one product an arrow. A step against them lowers L.`);
    else speak(`${begin} ${why}. Next: ${question()}`);
    if (phase() === "done") again.focus({ preventScroll: true });
    else field.focus({ preventScroll: true });
  }
  function check() {
    const text = field.value.trim().replaceAll("−", "-").replace(",", ".");
    const answer = Number(text);
    const name = wanted();
    if (text === "" || !Number.isFinite(answer)) { speak("Write a number, such as −6 or 0.5."); return; }
    const wrong = diagnose(answer, values, messages(graph, values, gradients, name), name);
    if (tried === 0) asked += 1;
    tried += 1;
    if (!wrong) { if (tried === 1) right += 1; settle("Right:"); return; }
    speak(`${tell(answer)} is not ∂L/∂${name}. ${wrong} Try again.`);
    drawScore();
    field.select();
  }
  const drawScore = () => { score.textContent = asked ? `${right} of ${asked} right at the first try` : ""; };

  function draw() {
    const now = phase() === "backward" ? wanted() : null;
    const box = Object.fromEntries(graph.nodes.map((n) => [n[0], { x: n[2], y: n[3], w: n[4].length ? n[1].length * 7.3 + 13 : 30 }]));
    picture.replaceChildren(defs);
    for (const [name, , , , inputs, , slopes] of graph.nodes) {
      inputs.forEach((input, i) => {
        const [a, b] = [box[input], box[name]];
        const [dx, dy] = [b.x - a.x, b.y - a.y];
        const cut = (n, extra) => Math.min((n.w / 2 + extra) / Math.abs(dx || 1e-9), (13 + extra) / Math.abs(dy || 1e-9));
        const [p, q] = [cut(a, 2), 1 - cut(b, 4)];
        const live = now === input && name in gradients;
        picture.append(s("line", { x1: a.x + p * dx, y1: a.y + p * dy, x2: a.x + q * dx, y2: a.y + q * dy, stroke: live ? "var(--c1)" : "var(--line-strong)", "stroke-width": live ? 2.4 : 1.3, [live ? "marker-start" : "marker-end"]: "url(#bp-tip)" }));
        if (input in gradients && name in gradients && phase() !== "forward") {
          const t = (p + q) / 2;
          const steep = Math.abs(dy) > Math.abs(dx);
          picture.append(s("text", { x: a.x + t * dx + (steep ? 10 : 0), y: a.y + t * dy + (steep ? 4 : -5), "font-size": 12, "text-anchor": steep ? "start" : "middle", class: "w-back" }, `× ${tell(slopes(...inputs.map((n) => values[n]))[i])}`));
        }
      });
    }
    for (const [name, formula, x, y, inputs] of graph.nodes) {
      const { w } = box[name];
      // A number stands beside an arrow that comes from above or leaves below, not on it.
      const steep = (p, q) => box[q].y - box[p].y > Math.abs(box[q].x - box[p].x);
      const above = x + (inputs.some((i) => steep(i, name)) ? 28 : 0);
      const below = x - (graph.nodes.some((n) => n[4].includes(name) && steep(name, n[0])) ? 24 : 0);
      const next = phase() === "forward" && steps()[at][0] === name;
      picture.append(
        s("rect", { x: x - w / 2, y: y - 13, width: w, height: 26, rx: 6, fill: "var(--paper)", stroke: now === name ? "var(--c1)" : next ? "var(--c0)" : "var(--line-strong)", "stroke-width": now === name || next ? 2.5 : 1.2 }),
        s("text", { x, y: y + 4.5, "font-size": 13.5, "text-anchor": "middle" }, formula));
      if (shown(name)) picture.append(s("text", { x: above, y: y - 18, "font-size": 14, "font-weight": 650, "text-anchor": "middle", class: "w-out", style: "fill: var(--c0)" }, tell(values[name])));
      if (name in gradients || now === name) picture.append(s("text", { x: below, y: y + 28, "font-size": 14, "font-weight": 650, "text-anchor": "middle", class: "w-out", style: "fill: var(--c1)" }, name in gradients ? tell(gradients[name]) : "?"));
    }
    const known = graph.nodes.map((n) => [n[1], shown(n[0]) ? tell(values[n[0]]) : "not yet", n[0] in gradients ? tell(gradients[n[0]]) : ""]);
    set(picture, { "aria-label": `The graph. ${known.map(([f, v, g]) => `${f}: ${v}${g ? `, gradient ${g}` : ""}`).join("; ")}.` });
    const back = phase() === "backward";
    go.hidden = phase() !== "forward";
    ask.hidden = !back;
    again.hidden = phase() !== "done";
    if (back) asking.textContent = `∂L/∂${now} =`;
    drawScore();
  }
  function fresh() {
    const draws = random(seed++);
    for (const name of Object.keys(graph.start)) {
      do leaves[name] = Math.floor(draws() * 11) - 5; while (leaves[name] === 0);
    }
    load(true);
  }
  const go = button("Forward", forwardOne, { class: "main" });
  const asking = h("label", { for: "bp-answer", class: "w-asked" });
  const field = h("input", { id: "bp-answer", inputmode: "text", autocomplete: "off", size: 6, type: "text" });
  const ask = h("form", { class: "w-row", onsubmit: (event) => { event.preventDefault(); check(); } },
    asking, field, h("button", { class: "main" }, "Check"), button("Tell me", () => { if (tried === 0) asked += 1; settle("It is:"); }));
  const again = button("Once more, with other numbers", fresh, { class: "main" });
  el.append(
    row(select({ label: "Graph", options: Object.entries(GRAPHS).map(([k, g]) => [k, g.title]), value: kind, change: (v) => { kind = v; right = asked = 0; load(); } }),
      button("Other numbers", fresh), button("From the start", () => load(true))),
    h("div", { class: "w-graph w-plot" }, picture),
    h("p", { class: "w-soft" }, h("span", { class: "w-key", style: "color: var(--c0)" }), "value, above  ", h("span", { class: "w-key", style: "color: var(--c1); margin-left: 0.8rem" }), "gradient, below"),
    row(go, ask, again), say, score);
  right = asked = 0;
  load();
}
export default { render };
