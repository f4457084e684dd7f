// The prompt on top: its last turn in full, what came before it one click away.

import { el } from "../page/elements.js";
import { showText } from "./views.js";

const ROLES = ["system", "user", "assistant"];

export class Prompt {
  /** `toolbar` stands at its end: how the texts are shown. */
  constructor(words, toolbar) {
    this.words = words;
    this.now = el("div", { class: "tm-prompt-now", tabindex: "0" });
    this.turns = el("div", { class: "tm-turns" });
    this.earlier = el("details", { class: "tm-earlier" }, el("summary", {}, words("compare.earlier")), this.turns);
    this.training = el("p", { class: "tm-training", hidden: true }, words("compare.training"));
    this.element = el(
      "section",
      { class: "tm-prompt", "aria-labelledby": "tm-prompt-title" },
      el(
        "div",
        { class: "tm-prompt-head" },
        el("h2", { class: "tm-label", id: "tm-prompt-title" }, words("compare.prompt")),
        this.training,
        toolbar,
      ),
      this.earlier,
      this.now,
    );
  }

  /** `rendered`: whether Markdown is shown as it reads. */
  show(question, rendered) {
    const put = (node, { content, html }) => showText(node, { text: content, html: rendered ? html : null });
    const turns = question.prompt;
    put(this.now, turns.at(-1) ?? { content: "", html: null });
    this.now.scrollTop = 0;
    const before = turns.slice(0, -1);
    this.earlier.hidden = before.length === 0;
    this.earlier.open = before.some((turn) => turn.role !== "system"); // a conversation is read from its start
    this.turns.replaceChildren(...before.map((turn) => this.turn(turn, put)));
    this.training.hidden = !question.training;
  }

  turn(turn, put) {
    const key = ROLES.includes(turn.role) ? turn.role : "other";
    const text = el("div");
    put(text, turn);
    return el("div", { class: "tm-turn" }, el("span", { class: "tm-role" }, this.words(`compare.role.${key}`)), text);
  }
}
