// Added to pages by tools/serve.py, never to the published book: reload when the page was changed,
// stay at the same place, show faults and whether the outputs are old.
(() => {
  const me = document.currentScript;
  const page = me.dataset.livePage;
  const stamp = me.dataset.liveStamp;
  const KEY = "live-place";

  // --- stay at the same place: the first element with an id in view, and its distance to the top
  function place() {
    const top = [...document.querySelectorAll("main [id]")].find((e) => {
      const box = e.getBoundingClientRect();
      return box.height > 0 && box.bottom > 0;
    });
    return { page, y: scrollY, id: top?.id, from: top?.getBoundingClientRect().top };
  }
  function back(kept) {
    const element = kept.id && document.getElementById(kept.id);
    const y = element ? scrollY + element.getBoundingClientRect().top - kept.from : kept.y;
    scrollTo({ top: y, behavior: "instant" });
  }
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  sessionStorage.removeItem(KEY);
  if (kept?.page === page) {
    history.scrollRestoration = "manual";
    back(kept);
    addEventListener("load", () => {
      back(kept);
      document.fonts.ready.then(() => back(kept));
      history.scrollRestoration = "auto";
    });
  }

  // --- faults and notes
  const box = document.createElement("div");
  box.id = "live";
  box.setAttribute("role", "status");
  box.style.cssText =
    "position:fixed;inset:auto 0 0 0;z-index:99;max-block-size:50vh;overflow:auto;" +
    "font:14px/1.5 ui-monospace,monospace;white-space:pre-wrap;color:#fff";
  document.body.append(box);
  function say(kind, text) {
    const line = document.createElement("p");
    line.className = `live-${kind}`;
    line.textContent = text;
    line.style.cssText =
      `margin:0;padding:.6em 1em;background:${kind === "fault" ? "#8f1d1d" : "#5b4300"}`;
    box.append(line);
  }
  function show({ fault, note }) {
    box.replaceChildren();
    if (note) say("note", note);
    if (fault) say("fault", `The book has a fault; this is the last good page.\n${fault}`);
  }

  // --- listen while somebody looks (a browser has few connections for one server)
  let source = null;
  function listen() {
    source?.close();
    source = null;
    if (document.hidden) return;
    source = new EventSource(`/__live?page=${encodeURIComponent(page)}`);
    source.onmessage = (event) => {
      const news = JSON.parse(event.data);
      if (news.stamp && news.stamp !== stamp) {
        sessionStorage.setItem(KEY, JSON.stringify(place()));
        location.reload();
        return;
      }
      show(news);
    };
  }
  document.addEventListener("visibilitychange", listen);
  listen();
})();
