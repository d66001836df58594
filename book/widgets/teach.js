// Teach it: the reader's own classes, and a classifier on what the digit network sees in a drawing.
import { announcer, button, calm, canvas, colours, h, random, row, set, tell } from "./lib.js";
import { bars, load, pad, percent, prepare, softmax, thumb } from "./ink.js";

const KEPT = "build-deep:teach";
const FEWEST = 2, MOST = 4, MANY = 24; // classes, and drawings of a class
const STEPS = 60, LR = 0.015, DECAY = 1e-3;

// --- softmax regression on features --------------------------------------------------------

/** Begin: rows of features and their classes become numbers of mean 0 and spread 1; weights are 0. */
export function begin(rows, labels, classes) {
  const width = rows[0].length;
  const mean = Float64Array.from({ length: width }, (_, j) => rows.reduce((sum, r) => sum + r[j], 0) / rows.length);
  // A feature that hardly varies here would be blown up: nothing is divided by less than the typical spread.
  const spread = Float64Array.from(mean, (m, j) => Math.sqrt(rows.reduce((sum, r) => sum + (r[j] - m) ** 2, 0) / rows.length));
  const typical = Math.max(1e-6, spread.reduce((a, b) => a + b) / width);
  const state = { classes, mean, scale: spread.map((s) => Math.max(s, typical)), W: new Float64Array(classes * width), b: new Float64Array(classes), step: 0, losses: [] };
  state.X = rows.map((r) => standard(state, r));
  state.labels = labels;
  state.moments = [new Float64Array(classes * (width + 1)), new Float64Array(classes * (width + 1))];
  return state;
}
const standard = (state, row_) => Float64Array.from(row_, (v, j) => (v - state.mean[j]) / state.scale[j] / Math.sqrt(row_.length));
function scores(state, x) {
  const width = x.length;
  return Float64Array.from(state.b, (b, k) => { let sum = b; for (let j = 0; j < width; j += 1) sum += x[j] * state.W[k * width + j]; return sum; });
}
/** Mean cross-entropy with its gradients { loss, W, b }, the weights' squares added with strength DECAY. */
export function gradients(state) {
  const [width, n] = [state.X[0].length, state.X.length];
  const found = { loss: 0, W: state.W.map((w) => DECAY * w), b: new Float64Array(state.classes) };
  state.X.forEach((x, i) => {
    const p = softmax(scores(state, x));
    found.loss -= Math.log(Math.max(1e-300, p[state.labels[i]])) / n;
    p.forEach((share, k) => {
      const up = (share - (k === state.labels[i] ? 1 : 0)) / n;
      found.b[k] += up;
      for (let j = 0; j < width; j += 1) found.W[k * width + j] += up * x[j];
    });
  });
  return found;
}
/** One step of Adam on all drawings; notes the loss before it. */
export function step(state) {
  const found = gradients(state);
  state.losses.push(found.loss);
  state.step += 1;
  const [m, v] = state.moments;
  const move = (values, slopes, at) => {
    for (let k = 0; k < values.length; k += 1) {
      m[at + k] = 0.9 * m[at + k] + 0.1 * slopes[k];
      v[at + k] = 0.999 * v[at + k] + 0.001 * slopes[k] ** 2;
      values[k] -= (LR * m[at + k]) / (1 - 0.9 ** state.step) / (Math.sqrt(v[at + k] / (1 - 0.999 ** state.step)) + 1e-8);
    }
  };
  move(state.W, found.W, 0);
  move(state.b, found.b, state.W.length);
}
/** Probabilities of the classes for a row of features. */
export const classify = (state, row_) => softmax(scores(state, standard(state, row_)));
export const train = (rows, labels, classes) => { const state = begin(rows, labels, classes); while (state.step < STEPS) step(state); return state; };

// --- examples to start with ---------------------------------------------------------------

const line = (...points) => points.flatMap(([x, y], k) => {
  if (!k) return [x, y];
  const [a, b] = points[k - 1];
  return Array.from({ length: 6 }, (_, t) => [a + ((x - a) * (t + 1)) / 6, b + ((y - b) * (t + 1)) / 6]).flat();
});
const arc = (x, y, r, from, to, n = 20) => Array.from({ length: n + 1 }, (_, t) => from + ((to - from) * t) / n).flatMap((a) => [x + r * Math.cos(a), y + r * Math.sin(a)]);
const eyes = [[0.36, 0.36, 0.36, 0.42], [0.64, 0.36, 0.64, 0.42]];
const head = arc(0.5, 0.5, 0.36, -1.6, 4.8, 30);
export const STARTERS = {
  shapes: ["Shapes", { circle: [arc(0.5, 0.5, 0.32, -1.5, 4.9, 30)], triangle: [line([0.5, 0.18], [0.82, 0.78], [0.18, 0.78], [0.5, 0.18])], cross: [line([0.2, 0.2], [0.8, 0.8]), line([0.8, 0.2], [0.2, 0.8])] }],
  faces: ["Faces", { glad: [head, ...eyes, arc(0.5, 0.5, 0.2, 0.4, 2.74)], sad: [head, ...eyes, arc(0.5, 0.82, 0.2, 3.54, 5.88)] }],
  arrows: ["Arrows", { left: [line([0.85, 0.5], [0.15, 0.5]), line([0.38, 0.28], [0.15, 0.5], [0.38, 0.72])], right: [line([0.15, 0.5], [0.85, 0.5]), line([0.62, 0.28], [0.85, 0.5], [0.62, 0.72])], up: [line([0.5, 0.85], [0.5, 0.15]), line([0.28, 0.38], [0.5, 0.15], [0.72, 0.38])], down: [line([0.5, 0.15], [0.5, 0.85]), line([0.28, 0.62], [0.5, 0.85], [0.72, 0.62])] }],
};
/** A drawing as by another hand: turned, stretched, and bent a little. */
export function another(strokes, draw) {
  const off = (by) => by * (2 * draw() - 1);
  const [turn, wide, high, lean, size] = [off(0.16), 1 + off(0.14), 1 + off(0.14), off(0.14), 0.85 + off(0.12)];
  const [ax, ay, bx, by] = [off(0.025), off(0.025), 6.3 * draw(), 6.3 * draw()];
  return strokes.map((s) => s.map((_, i) => {
    if (i % 2) return 0;
    const [u, v] = [s[i] - 0.5, s[i + 1] - 0.5];
    const [x, y] = [wide * u + lean * v, high * v];
    return [0.5 + size * (x * Math.cos(turn) - y * Math.sin(turn)) + ax * Math.sin(9 * v + bx), 0.5 + size * (x * Math.sin(turn) + y * Math.cos(turn)) + ay * Math.sin(9 * u + by)];
  }).filter((p) => p).flat().map((v) => Number(Math.max(0.02, Math.min(0.98, v)).toFixed(3))));
}
export function starter(name, each = 6, seed = 1) {
  const draw = random(seed);
  return Object.entries(STARTERS[name][1]).map(([title, strokes]) => ({ name: title, drawings: Array.from({ length: each }, () => another(strokes, draw)) }));
}

// --- what is kept -------------------------------------------------------------------------

const blank = () => [{ name: "first", drawings: [] }, { name: "second", drawings: [] }];
/** The classes of a text that was kept here, or null when it is not one of ours. */
export function restored(text) {
  try {
    const found = JSON.parse(text);
    const drawing = (d) => Array.isArray(d) && d.length && d.every((s) => Array.isArray(s) && s.length && s.length % 2 === 0 && s.every((v) => v >= 0 && v <= 1));
    const sound = Array.isArray(found) && found.length >= FEWEST && found.length <= MOST && found.every((c) => typeof c.name === "string" && Array.isArray(c.drawings) && c.drawings.length <= MANY && c.drawings.every(drawing));
    return sound ? found.map((c) => ({ name: c.name.slice(0, 16), drawings: c.drawings })) : null;
  } catch { return null; }
}
function recall() { try { return restored(localStorage.getItem(KEPT)); } catch { return null; } }
function keep(classes) { try { localStorage.setItem(KEPT, JSON.stringify(classes)); } catch { /* then it lasts as long as the page */ } }

async function render({ model, el }) {
  const { net } = await load(model.get("network"));
  const known = new WeakMap(); // drawing -> its features: computed once
  const featuresOf = (strokes) => { if (!known.has(strokes)) known.set(strokes, net.forward(prepare(strokes)).pooled); return known.get(strokes); };
  let classes = recall() ?? blank(), trained = null, frame = 0, asked = 0, shares = bars([]);
  const aloud = announcer(el);
  const board = pad({ label: "Draw an example here, or something to be recognised.", say: aloud, change: (done) => { asked ||= requestAnimationFrame(() => { asked = 0; look(done); }); } });
  const answer = h("p", { class: "w-answer" });
  const places = h("div", { class: "w-classes" });
  const report = h("p", { class: "w-soft w-numbers" });
  const title = (c, k) => c.name.trim() || `class ${k + 1}`;
  const count = () => classes.reduce((sum, c) => sum + c.drawings.length, 0);
  const ready = () => classes.every((c) => c.drawings.length > 0);

  function look(done = false) {
    const p = trained && !board.empty ? classify(trained, net.forward(board.picture).pooled) : null;
    shares.show(p);
    const best = p ? p.indexOf(Math.max(...p)) : 0;
    answer.replaceChildren(...(p ? ["It takes this for ", h("strong", {}, title(classes[best], best)), `: ${percent(p[best])}.`]
      : [trained ? "Draw something: it is recognised as you draw." : !ready() ? "Draw, and add the drawing to a class. Each class needs one, a few are better." : "Every class has drawings: train it."]));
    if (p && done) aloud(answer.textContent);
    const none = board.empty;
    places.querySelectorAll("[data-add]").forEach((b) => set(b, { disabled: none || classes[b.dataset.add].drawings.length >= MANY }));
    set(clear, { disabled: none });
    set(undo, { disabled: none });
  }
  const clear = button("Clear", () => { board.show(); board.node.focus({ preventScroll: true }); });
  const undo = button("Undo", () => board.undo());

  function changed(say) { // what was learned is not true any more
    cancelAnimationFrame(frame);
    trained = null;
    keep(classes);
    build();
    report.textContent = count() ? `${count()} drawings in ${classes.length} classes, not trained yet.` : "";
    curve.redraw();
    if (say) aloud(say);
  }
  function build() {
    const focused = document.activeElement?.dataset?.key;
    const again = bars(classes.map(title));
    shares.replaceWith(again);
    shares = again;
    places.replaceChildren(...classes.map((c, k) => {
      const field = h("input", { type: "text", maxlength: 16, value: c.name, "aria-label": `Name of class ${k + 1}`, "data-key": `name-${k}`, oninput: () => {
        c.name = field.value;
        keep(classes);
        shares.children[k].querySelector(".w-of").textContent = title(c, k);
        add.textContent = `Add to ${title(c, k)}`;
        look();
      } });
      const add = button(`Add to ${title(c, k)}`, () => {
        c.drawings.push(board.strokes);
        board.show();
        changed(`Added: ${title(c, k)} has ${c.drawings.length}.`);
      }, { "data-add": k, "data-key": `add-${k}` });
      const drawings = c.drawings.map((d, n) => button(thumb(prepare(d)), () => {
        c.drawings.splice(n, 1);
        changed(`Drawing ${n + 1} of ${title(c, k)} is removed.`);
      }, { class: "w-thumb", "aria-label": `Remove drawing ${n + 1} of ${title(c, k)}`, title: "Remove", "data-key": `drawing-${k}-${n}` }));
      const drop = classes.length <= FEWEST ? null : button("×", () => { classes.splice(k, 1); changed("The class is removed."); }, { class: "w-quiet", "data-key": `drop-${k}`, "aria-label": `Remove the class ${title(c, k)}` });
      return h("div", { class: "w-class", role: "group", "aria-label": `Class ${k + 1}` }, h("div", { class: "w-row" }, field, add, drop),
        drawings.length ? h("div", { class: "w-thumbs" }, ...drawings) : h("p", { class: "w-soft" }, "No drawings yet."));
    }));
    if (focused) (places.querySelector(`[data-key="${focused}"]`) ?? board.node).focus({ preventScroll: true });
    set(more, { disabled: classes.length >= MOST });
    set(teach, { disabled: !ready() });
    look();
  }
  const more = button("Add a class", () => { classes.push({ name: ["first", "second", "third", "fourth"][classes.length], drawings: [] }); changed("A class is added."); });
  const teach = button("Train", () => {
    cancelAnimationFrame(frame);
    const began = performance.now();
    const rows = classes.flatMap((c) => c.drawings.map(featuresOf));
    const state = begin(rows, classes.flatMap((c, k) => c.drawings.map(() => k)), classes.length);
    trained = state;
    let spent = performance.now() - began;
    const some = (steps) => {
      const start = performance.now();
      for (let k = 0; k < steps && state.step < STEPS; k += 1) step(state);
      spent += performance.now() - start;
      report.textContent = `Step ${state.step} of ${STEPS}: loss ${tell(state.losses[0])} → ${tell(state.losses.at(-1), 3)}, ${rows.length} drawings, computed in ${Math.max(1, Math.round(spent))} ms.`;
      curve.redraw();
      look();
      if (state.step < STEPS) frame = requestAnimationFrame(() => some(2));
      else { el.dataset.spent = spent.toFixed(1); aloud(`Trained: loss ${tell(state.losses.at(-1), 3)}. ${board.empty ? "Draw something." : answer.textContent}`); }
    };
    some(calm() ? STEPS : 2); // the steps of a frame are few so that the loss is seen to fall
  }, { class: "main" });
  const curve = canvas(null, (g, w, v) => {
    const c = colours(el);
    const losses = trained?.losses ?? [];
    const top = Math.log(classes.length) * 1.1;
    const y = (loss) => 6 + (v - 12) * (1 - Math.min(loss, top) / top);
    g.font = "11px system-ui, sans-serif";
    g.fillStyle = c.css.soft;
    g.strokeStyle = c.css.line;
    g.beginPath();
    g.moveTo(14, y(0)); g.lineTo(w, y(0));
    g.stroke();
    g.fillText("0", 3, y(0) + 4);
    g.strokeStyle = c.css.line;
    g.setLineDash([3, 4]);
    g.beginPath();
    g.moveTo(14, y(Math.log(classes.length))); g.lineTo(w, y(Math.log(classes.length)));
    g.stroke();
    g.setLineDash([]);
    const guess = `guessing: ln ${classes.length} = ${tell(Math.log(classes.length))}`;
    g.fillText(guess, w - g.measureText(guess).width - 4, y(Math.log(classes.length)) + 14);
    g.strokeStyle = c.css.c1;
    g.lineWidth = 2;
    g.beginPath();
    losses.forEach((loss, k) => g.lineTo(14 + ((w - 18) * k) / (STEPS - 1), y(loss)));
    g.stroke();
    set(curve, { "aria-label": losses.length ? `Loss from ${tell(losses[0])} to ${tell(losses.at(-1), 3)} in ${losses.length} steps.` : "Loss: not trained yet." });
  }, { class: "w-plot w-losses w-low", role: "img" });

  const starters = h("div", { class: "w-row w-starters" }, h("span", { class: "w-soft" }, "Start with:"), ...Object.entries(STARTERS).map(([key, [text]]) => button(text, () => {
    classes = starter(key);
    board.show();
    changed(`${classes.length} classes with six drawings each.`);
    teach.click();
  })), button("Start over", () => { classes = blank(); board.show(); changed("All drawings are gone."); }, { class: "w-quiet" }));
  el.append(
    starters,
    h("div", { class: "w-draw" },
      h("div", {}, board.node, row(clear, undo), h("p", { class: "w-soft w-keys" }, "With keys: arrows move the pen, Space puts it down and up.")),
      h("div", { class: "w-reads" }, answer, shares, row(teach, more), report, curve)),
    places);
  changed();
}
export { load, prepare } from "./ink.js";
export default { render };
