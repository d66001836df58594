// A copy button on each piece of code. Prompts and line numbers are not copied.
(function () {
  "use strict";
  const announcer = document.querySelector(".announcer");
  async function copy(text) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea"); // a page opened over plain http
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  for (const box of document.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy this code");
    button.addEventListener("click", async () => {
      const code = box.querySelector("code").cloneNode(true);
      for (const prompt of code.querySelectorAll(".k-gp")) prompt.remove();
      await copy(code.textContent.replace(/\n$/, ""));
      button.textContent = "Copied";
      announcer.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; announcer.textContent = ""; }, 1500);
    });
    box.append(button);
  }
})();
