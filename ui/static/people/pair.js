// A pair by its texts: the prompt and the completions, and nothing that tells who wrote them.

import { el, foreignText } from "../page/elements.js";

const ROLES = ["system", "user", "assistant"];

/** `pair` as the server sends it; `marks` are words under a completion, by its place. */
export function pairView(words, pair, { marks = {} } = {}) {
  if (pair === null) return el("p", { class: "tm-empty" }, words("people.pair_gone"));
  return el(
    "div",
    { class: "tm-pair" },
    el(
      "div",
      { class: "tm-pair-prompt", tabindex: "0", role: "group", "aria-label": words("compare.prompt") },
      pair.prompt.map((turn) => turnView(words, turn, pair.prompt.length > 1)),
    ),
    el(
      "div",
      { class: "tm-pair-texts" },
      pair.completions.map((completion, place) => textView(words, completion, place, marks[place])),
    ),
  );
}

/** One turn, with who says it where there are several. */
function turnView(words, { role, content }, named) {
  const name = words(`compare.role.${ROLES.includes(role) ? role : "other"}`);
  return el(
    "div",
    { class: "tm-pair-turn" },
    named ? el("p", { class: "tm-pair-name" }, name) : null,
    foreignText(el("div"), content),
  );
}

function textView(words, { text, cut_off, shortened }, place, mark) {
  return el(
    "section",
    { class: "tm-pair-text", "aria-label": words("people.candidate", { n: place + 1 }) },
    el(
      "p",
      { class: "tm-pair-name" },
      words("people.candidate", { n: place + 1 }),
      mark ? el("span", { class: "tm-tag" }, mark) : null,
    ),
    foreignText(el("div", { class: "tm-pair-words", tabindex: "0" }), text.trim() === "" ? words("views.empty") : text),
    shortened ? el("p", { class: "tm-help" }, words("people.shortened")) : null,
    cut_off ? el("p", { class: "tm-help" }, words("compare.cut_off")) : null,
  );
}
