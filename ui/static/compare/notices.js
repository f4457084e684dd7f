// What the page says beside the card: the line of the last answer, and notices that stay until they are settled.

import { el, setText } from "../page/elements.js";
import { deviceOf, kbd } from "./buttons.js";

/** One line, spoken by screen readers: saving, saved, taken back, refused. */
export class StatusLine {
  constructor() {
    this.text = el("span");
    this.element = el("p", { class: "tm-status", role: "status", "aria-live": "polite" }, this.text);
  }

  say(text, mood = "calm") {
    setText(this.text, text);
    this.element.dataset.mood = mood;
  }
}

/** The notice that answers are not saved yet, with the seconds to the next try. */
export class FailedSave {
  constructor(words, onNow) {
    this.words = words;
    this.title = el("strong");
    this.reason = el("p", {});
    this.element = el(
      "div",
      { class: "tm-failed", role: "alert", hidden: true },
      this.title,
      this.reason,
      el("button", { type: "button", class: "tm-button", onclick: onNow }, words("failed.now")),
    );
  }

  /** `waiting`: how many answers are kept in this browser. */
  show(reason, seconds, waiting) {
    setText(this.title, waiting > 1 ? this.words("failed.many", { count: waiting }) : this.words("failed.title"));
    setText(this.reason, this.words("failed.words", { reason, seconds }));
    this.element.hidden = false;
  }

  hide() {
    this.element.hidden = true;
  }
}

/** A notice about the question on the screen, with a way on where there is one. */
export class Notice {
  /** `action`: {words, key, press(device)} or null. */
  constructor(text, action = null) {
    this.element = el(
      "div",
      { class: "tm-question-notice", role: "status", "aria-live": "polite", hidden: true },
      el("p", {}, text),
      action &&
        el(
          "button",
          { type: "button", class: "tm-small", onclick: (event) => action.press(deviceOf(event)) },
          el("span", {}, action.words),
          kbd(action.key),
        ),
    );
  }

  get shown() {
    return !this.element.hidden;
  }

  show(shown) {
    this.element.hidden = !shown;
  }
}
