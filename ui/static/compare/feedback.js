// After a check question in training: what the expert said beside what the person said.

import { el, setText } from "../page/elements.js";
import { deviceOf, kbd } from "./buttons.js";
import { asShown, inWords, ofRanks } from "./verdict.js";

export class Feedback {
  /** `onAction("enter", device)` goes on to the next question. */
  constructor(words, onAction) {
    this.words = words;
    this.title = el("h2", { class: "tm-feedback-title" });
    this.mine = el("p");
    this.expert = el("p", { class: "tm-feedback-expert" });
    this.go = el(
      "button",
      { type: "button", class: "tm-button tm-primary", onclick: (event) => onAction("enter", deviceOf(event)) },
      words("feedback.next"),
      kbd("⏎"),
    );
    this.element = el(
      "section",
      { class: "tm-feedback", role: "status", "aria-live": "polite", hidden: true },
      this.title,
      this.mine,
      this.expert,
      this.go,
    );
  }

  get open() {
    return !this.element.hidden;
  }

  /** `said` is the person's answer in words; `expert` ranks the candidates in their own order. */
  show({ right, expert }, { said, shown }) {
    setText(this.title, this.words(right ? "feedback.right" : "feedback.wrong"));
    setText(this.mine, this.words("feedback.mine", { said }));
    setText(this.expert, this.words("feedback.expert", { said: inWords(this.words, ofExpert(expert, shown)) }));
    this.element.dataset.right = String(right);
    this.element.hidden = false;
    this.go.focus({ preventScroll: true });
  }

  hide() {
    this.element.hidden = true;
  }
}

function ofExpert(expert, shown) {
  return ofRanks(asShown(expert, shown));
}
