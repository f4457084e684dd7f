// All policies of the study that people compared blind, in evaluations and along the way, together.

import { asOf } from "../page/as_of.js";
import { el } from "../page/elements.js";
import { Remote } from "../page/remote.js";
import { resultView } from "./result.js";

export class Together {
  constructor(tools) {
    Object.assign(this, tools);
    this.list = new Remote(
      this.words,
      () => this.ask("/api/policies/strengths"),
      (answer) => this.draw(answer),
    );
    this.element = el(
      "div",
      { class: "tm-listed" },
      el("p", { class: "tm-help" }, this.words("policies.together_about")),
      this.list.element,
    );
  }

  open() {
    return this.list.load();
  }

  draw(answer) {
    const { words } = this;
    const note = asOf(words, answer, this.language, () => this.list.load());
    if (answer.result === null) return note;
    if (answer.result.judgments === 0) return [el("p", { class: "tm-empty" }, words("policies.together_none")), note];
    return [...resultView(this, answer.result, answer.result.policies), note];
  }
}
