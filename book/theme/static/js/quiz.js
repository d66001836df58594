// A quiz: opening an option answers. What was answered is kept on this machine, and can be reset.
(function () {
  "use strict";
  const announcer = document.querySelector(".announcer");
  const quizzes = new Map(); // the first option's heading -> its questions
  for (const option of document.querySelectorAll("details.quiz")) {
    const before = option.previousElementSibling;
    if (before && before.matches("details.quiz")) continue;
    const question = { asked: before, name: (before ? before.textContent : "").slice(0, 80), options: [] };
    for (let at = option; at && at.matches("details.quiz"); at = at.nextElementSibling) question.options.push(at);
    const home = option.parentElement;
    if (!quizzes.has(home)) quizzes.set(home, []);
    quizzes.get(home).push(question);
  }
  if (!quizzes.size) return;
  const key = `quiz:${location.pathname.split("/").pop() || "index.html"}`;
  let kept = {}; // question -> numbers of the options opened, in order
  try { kept = JSON.parse(localStorage.getItem(key)) || {}; } catch { /* private, or not ours */ }
  const save = () => { try { localStorage.setItem(key, JSON.stringify(kept)); } catch { /* for this page only */ } };
  const right = (option) => option.classList.contains("quiz-right");
  for (const questions of quizzes.values()) {
    const line = document.createElement("div");
    line.className = "quiz-progress";
    const words = document.createElement("span");
    const reset = document.createElement("button");
    reset.type = "button";
    reset.textContent = "Start over";
    line.append(words, reset);
    const last = questions[questions.length - 1].options;
    last[last.length - 1].after(line);
    const told = (question) => (Array.isArray(kept[question.name]) ? kept[question.name] : []).filter((n) => question.options[n]);
    function show() {
      let answered = 0, solved = 0, first = 0;
      for (const question of questions) {
        const opened = told(question);
        answered += opened.length > 0;
        const found = opened.some((n) => right(question.options[n]));
        solved += found;
        first += opened.length > 0 && right(question.options[opened[0]]);
        if (question.asked) question.asked.classList.toggle("quiz-solved", found);
      }
      words.textContent = answered
        ? `${solved} of ${questions.length} solved, ${first} at the first try.`
        : `${questions.length} questions. Open the option that you hold to be right.`;
      reset.hidden = !answered;
    }
    for (const question of questions) {
      for (const n of told(question)) question.options[n].open = true;
      question.options.forEach((option, n) => {
        option.querySelector("summary").addEventListener("click", () => {
          if (option.open || told(question).includes(n)) return; // it closes, or was opened before
          kept[question.name] = [...told(question), n];
          save();
          show();
          const said = option.querySelector(".details-body").cloneNode(true);
          for (const drawn of said.querySelectorAll(".katex-html, annotation")) drawn.remove(); // said by its MathML
          announcer.textContent = said.textContent;
        });
      });
    }
    reset.addEventListener("click", () => {
      for (const question of questions) {
        delete kept[question.name];
        for (const option of question.options) option.open = false;
      }
      save();
      show();
      announcer.textContent = "The quiz starts over.";
      questions[0].options[0].querySelector("summary").focus();
    });
    show();
  }
})();
