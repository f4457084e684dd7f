// A pause: the texts are covered, and the time does not count.

import { el } from "../page/elements.js";
import { kbd } from "./buttons.js";

export class Pause {
  /** `onChange(paused)` is told when a pause begins and ends. */
  constructor(words, onChange) {
    const title = el("h2", { class: "tm-state-title", id: "tm-pause-title" }, words("pause.title"));
    const go = el(
      "button",
      { type: "button", class: "tm-button tm-primary", onclick: () => this.element.close() },
      words("pause.go_on"),
      kbd("P"),
    );
    this.element = el(
      "dialog",
      { class: "tm-pause", "aria-labelledby": "tm-pause-title" },
      title,
      el("p", {}, words("pause.words")),
      go,
    );
    this.element.addEventListener("close", () => onChange(false));
    this.begin = () => {
      this.element.showModal();
      onChange(true);
      return this.element;
    };
  }
}
