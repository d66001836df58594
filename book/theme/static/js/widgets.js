// Interactive parts: a module is loaded when the reader comes near it. Until it runs, and where it
// cannot, the picture and the text that the page brings stay.
(function () {
  "use strict";
  const boxes = [...document.querySelectorAll(".widget")];
  if (!boxes.length) return;
  const once = new Map(); // address -> promise of what it loads
  const keep = (address, load) => once.get(address) ?? once.set(address, load(address)).get(address);
  const element = (name, values) => new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement(name), values, { onload: resolve, onerror: reject }));
  });
  // A page opened as a file may not import a module, but may run a script that brings its text.
  async function fromFile(address) {
    await element("script", { src: address.replace(/\.js$/, ".text.js") });
    let text = window.bookModules[address.split("/").pop()];
    for (const [, name] of text.matchAll(/from "\.\/([\w.-]+)"/g)) {
      const url = await keep(new URL(name, address).href, fromFile);
      text = text.replace(`./${name}`, url);
    }
    return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  }
  const style = (href) => keep(href, () => element("link", { rel: "stylesheet", href }));
  async function start(box) {
    watcher.unobserve(box);
    if (box.dataset.state) return;
    box.dataset.state = "loading";
    const stage = box.querySelector(".widget-stage");
    try {
      const address = new URL(box.dataset.module, document.baseURI).href;
      const [module] = await Promise.all([
        location.protocol === "file:" ? keep(address, fromFile).then((url) => import(url)) : import(address),
        style(box.dataset.style),
      ]);
      const values = JSON.parse(box.querySelector("script").textContent);
      const model = { get: (key) => values[key], set: (key, value) => { values[key] = value; }, on() {}, off() {}, save_changes() {} };
      stage.hidden = false;
      await module.default.render({ model, el: stage });
      box.dataset.state = "ready";
    } catch (error) {
      stage.hidden = true;
      box.dataset.state = "failed";
      box.querySelector(".widget-failed").hidden = false;
      console.info("An interactive part did not start:", error);
    }
  }
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) start(entry.target);
  }, { rootMargin: "900px 0px" });
  boxes.forEach((box) => watcher.observe(box));
  // An address of a setting, #playground:data=…, leads to its part.
  const named = boxes.find((box) => location.hash.startsWith(`#${box.id}:`));
  if (named) start(named).then(() => named.scrollIntoView());
})();
