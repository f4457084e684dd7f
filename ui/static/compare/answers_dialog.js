// The last 50 answers of the person: what was said to what; choosing one opens it again.

import { showDialog } from "../page/dialog.js";
import { el, foreignText } from "../page/elements.js";
import { request } from "../page/http.js";
import { asShown, inWords } from "./verdict.js";

/** The dialog, which fills by itself. `onChoose(comparison)` gets the one that was chosen, after it closed. */
export function answersDialog(words, root, { language, onChoose }) {
  const body = el("div", { class: "tm-answers-list", "aria-busy": "true" }, words("answers.loading"));
  const dialog = showDialog(words, root, words("tools.answers"), [el("p", {}, words("answers.about")), body]);
  const choose = (comparison) => {
    dialog.close();
    onChoose(comparison);
  };
  load(words, body, (answer) => row(words, language, answer, choose));
  return dialog;
}

async function load(words, body, rowOf) {
  try {
    const { answers } = await request(words, "/api/answers");
    const rows = answers.map((answer) => el("li", {}, rowOf(answer)));
    body.replaceChildren(rows.length ? el("ol", {}, rows) : el("p", {}, words("answers.none")));
    body.querySelector("button")?.focus();
  } catch (failure) {
    body.replaceChildren(el("p", { role: "alert" }, failure.message));
  }
  body.setAttribute("aria-busy", "false");
}

function row(words, language, answer, choose) {
  const { verdict, shown, at } = answer;
  const time = new Date(at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  return el(
    "button",
    { type: "button", class: "tm-answer-row", onclick: () => choose(answer.comparison) },
    foreignText(el("span", { class: "tm-answer-prompt" }), answer.prompt),
    el("span", { class: "tm-answer-said" }, inWords(words, { ...verdict, ranks: asShown(verdict.ranks, shown) })),
    el("time", { datetime: at }, time),
  );
}
