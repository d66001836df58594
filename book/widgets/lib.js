// What the interactive parts share: colours that follow the page, controls with labels, a sharp
// canvas, dragging. A part is `export default { render({ model, el }) }`; see CONTRIBUTING.md.

/** Return an HTML element: h("p", { class: "x", onclick }, "text", child, …). */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
/** Return an SVG element. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}
function fill(node, attributes, children) {
  set(node, attributes);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
/** Set attributes; functions become listeners, false and null take an attribute away. */
export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === false || value === null || value === undefined) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
  return node;
}

/** Return a number as the book writes it: a real minus sign, no needless zeros. */
export function tell(x, digits = 2) {
  if (!Number.isFinite(x)) return "not a number";
  if (x !== 0 && Math.abs(x) < 0.5 * 10 ** -digits) return x.toExponential(0).replaceAll("-", "−");
  return String(Number(x.toFixed(digits))).replaceAll("-", "−");
}

// --- colours -------------------------------------------------------------------------------

const NAMES = ["paper", "ink", "soft", "line", "line-strong", "wash", "wash-strong", "accent",
  "red", "green", "c0", "c1", "c2", "c3", "c4", "c5"];
/** Return the page's colours as [r, g, b] and `css.NAME` strings, in their light or dark form. */
export function colours(el) {
  const probe = el.appendChild(h("i"));
  const found = { css: {} };
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    const text = getComputedStyle(probe).color;
    found.css[name] = text;
    found[name] = text.match(/[\d.]+/g).slice(0, 3).map(Number);
  }
  probe.remove();
  return found;
}
/** Call `draw` whenever the reader switches between light and dark. */
export function onTheme(draw) {
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
/** Return the colour between a and b ([r, g, b]) at t in 0..1. */
export function mix(a, b, t) {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}
/** Whether the reader asked for no motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// --- controls ------------------------------------------------------------------------------

let count = 0;
const fresh = (name) => `w-${name}-${++count}`;

export function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", onclick, ...attributes }, text);
}
/** A slider with its label and value; `show` turns the value into text. `node.value` is a number. */
export function slider({ label, min, max, step = 1, value, show = (v) => tell(v), change }) {
  const id = fresh("slider");
  const input = h("input", { type: "range", id, min, max, step, value });
  const output = h("output", { for: id });
  const tellValue = () => {
    output.textContent = show(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => { tellValue(); change(Number(input.value)); });
  tellValue();
  const node = h("div", { class: "w-slider" }, h("label", { for: id }, label), output, input);
  Object.defineProperty(node, "value", {
    get: () => Number(input.value),
    set: (v) => { input.value = v; tellValue(); },
  });
  node.input = input;
  return node;
}
/** A choice with its label; options are [[value, text], …]. `node.value` is the choice. */
export function select({ label, options, value, change }) {
  const id = fresh("select");
  const input = h("select", { id, onchange: () => change(input.value) },
    ...options.map(([v, text]) => h("option", { value: v }, text)));
  input.value = value ?? options[0][0];
  const node = h("div", { class: "w-select" }, h("label", { for: id }, label), input);
  Object.defineProperty(node, "value", { get: () => input.value, set: (v) => { input.value = v; } });
  return node;
}
/** One of a few, as a row of joined radio buttons. */
export function choice({ label, options, value, change }) {
  const name = fresh("choice");
  return h("fieldset", { class: "w-choice" }, h("legend", {}, label),
    ...options.map(([v, text]) => h("label", {},
      h("input", { type: "radio", name, value: v, checked: v === value, onchange: () => change(v) }),
      h("span", {}, text))));
}
export function checkbox(label, checked, change) {
  const input = h("input", { type: "checkbox", checked, onchange: () => change(input.checked) });
  const node = h("label", { class: "w-check" }, input, h("span", {}, label));
  node.input = input;
  return node;
}
export const row = (...children) => h("div", { class: "w-row" }, ...children);

/** A line of text that screen readers are told, politely, once it has settled. */
export function announcer(el, seen = false) {
  const node = el.appendChild(h("p", { class: seen ? "w-say" : "unseen", "aria-live": "polite" }));
  let waiting = 0;
  return (text) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (node.textContent !== text) node.textContent = text; }, seen ? 0 : 300);
  };
}

// --- drawing -------------------------------------------------------------------------------

/** A canvas as wide as its place, `ratio` times as high (null: as high as its style says), sharp.
 *  `draw(context, width, height)` gets CSS pixels; call `node.redraw()` when something changed. */
export function canvas(ratio, draw, attributes = {}) {
  const node = h("canvas", attributes);
  const context = node.getContext("2d");
  let width = 0, height = 0;
  node.redraw = () => {
    if (!width) return;
    const scale = Math.min(3, window.devicePixelRatio || 1);
    const [w, v] = [Math.round(width * scale), Math.round(height * scale)];
    if (node.width !== w || node.height !== v) [node.width, node.height] = [w, v];
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  if (ratio) node.style.aspectRatio = String(1 / ratio);
  new ResizeObserver(([entry]) => { width = entry.contentRect.width; height = ratio ? width * ratio : entry.contentRect.height; node.redraw(); }).observe(node);
  onTheme(node.redraw);
  return node;
}
/** A small bitmap for `drawImage`; `paint(data, rgb)` fills it, 4 numbers a pixel. */
export function bitmap(width, height) {
  const node = new OffscreenCanvas(width, height);
  const context = node.getContext("2d");
  const image = context.createImageData(width, height);
  image.data.fill(255);
  return { node, data: image.data, put: () => context.putImageData(image, 0, 0) };
}

/** Follow a pointer from press to release: handlers get (x, y, event) in units of the node's box,
 *  0..1. `down` may return false to leave the press to the page (scrolling). */
export function drag(node, { down = () => true, move = () => {}, up = () => {} }) {
  const at = (event) => {
    const box = node.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, event];
  };
  // A finger that holds something does not scroll the page; one that holds nothing does.
  let held = false;
  node.addEventListener("touchstart", (event) => { if (held) event.preventDefault(); }, { passive: false });
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || down(...at(event)) === false) return;
    event.preventDefault();
    held = true;
    node.setPointerCapture(event.pointerId);
    const follow = (e) => move(...at(e));
    const stop = (e) => {
      held = false;
      node.removeEventListener("pointermove", follow);
      node.removeEventListener("pointerup", stop);
      node.removeEventListener("pointercancel", stop);
      up(...at(e));
    };
    node.addEventListener("pointermove", follow);
    node.addEventListener("pointerup", stop);
    node.addEventListener("pointercancel", stop);
  });
}
/** Return [dx, dy] of an arrow key (up is +1), ten times with Shift, or null. */
export function arrow(event) {
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (!by || event.ctrlKey || event.metaKey || event.altKey) return null;
  event.preventDefault();
  return event.shiftKey ? [10 * by[0], 10 * by[1]] : by;
}
/** Call `step` once a frame while running and on the screen. */
export function loop(node, step) {
  let running = false, seen = true, asked = 0;
  const frame = (now) => {
    asked = 0;
    if (!running || !seen) return;
    step(now);
    ask();
  };
  const ask = () => { if (running && seen && !asked) asked = requestAnimationFrame(frame); };
  new IntersectionObserver((entries) => { seen = entries.at(-1).isIntersecting; ask(); }).observe(node);
  return {
    get running() { return running; },
    start() { running = true; ask(); },
    stop() { running = false; },
  };
}

/** Return a generator of numbers in 0..1 that starts from a seed (mulberry32). */
export function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
/** Return a generator of normal numbers (Box and Muller) from one of uniform numbers. */
export function normal(uniform) {
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

// --- what a chapter's run exported ----------------------------------------------------------

const files = new Map();
/** Return the bytes of a file that the page names, fetched once. */
export function bytes(address) {
  const url = new URL(address, document.baseURI).href;
  if (!files.has(url)) files.set(url, location.protocol === "file:" ? fromScript(url) : fetched(url));
  return files.get(url);
}
async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.arrayBuffer();
}
async function fromScript(url) { // a page opened as a file may not fetch, but may run a script
  await new Promise((onload, onerror) => {
    document.head.append(Object.assign(h("script", { src: `${url}.text.js` }), { onload, onerror }));
  });
  return Uint8Array.from(atob(window.bookFiles[url.split("/").pop()]), (c) => c.charCodeAt(0)).buffer;
}
const TYPES = { "<f4": Float32Array, "<f8": Float64Array, "|u1": Uint8Array, "<i4": Int32Array, "<i8": BigInt64Array };
/** Return the arrays of a file of np.savez as { name: { shape, data } }. */
export function npz(buffer) {
  const view = new DataView(buffer);
  const text = (at, count_) => String.fromCharCode(...new Uint8Array(buffer, at, count_));
  let end = buffer.byteLength - 22; // the archive's last record
  while (view.getUint32(end, true) !== 0x06054b50) end -= 1;
  const found = {};
  let entry = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    const [name, extra, comment] = [28, 30, 32].map((at) => view.getUint16(entry + at, true));
    if (view.getUint16(entry + 10, true)) throw new Error("The file is compressed: write it with np.savez.");
    const local = view.getUint32(entry + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const first = start + 10 + view.getUint16(start + 8, true);
    const head = text(start + 10, first - start - 10);
    const kind = TYPES[head.match(/'descr': '([^']+)'/)?.[1]];
    if (!kind || head.includes("'fortran_order': True")) throw new Error(`This array is of a kind that is not read here: ${head}`);
    const data = new kind(buffer.slice(first, start + view.getUint32(entry + 24, true)));
    found[text(entry + 46, name).replace(/\.npy$/, "")] = {
      shape: (head.match(/'shape': \(([^)]*)\)/)[1].match(/\d+/g) ?? []).map(Number),
      data: kind === BigInt64Array ? Array.from(data, Number) : data,
    };
    entry += 46 + name + extra + comment;
  }
  return found;
}
