// Why a question cannot be judged: six reasons, by number or by button.

import { el } from "../page/elements.js";
import { deviceOf, kbd, once } from "./buttons.js";
import { SKIP_REASONS } from "./verdict.js";

export class Reasons {
  /** `onAction(action, device)` gets {reason} or "close". */
  constructor(words, onAction) {
    const buttons = SKIP_REASONS.map((reason, place) =>
      el(
        "button",
        {
          type: "button",
          class: "tm-reason",
          onclick: once((event) => onAction({ reason: place }, deviceOf(event))),
        },
        kbd(String(place + 1)),
        el("span", {}, words(`compare.skip.${reason}`)),
      ),
    );
    const back = el(
      "button",
      { type: "button", class: "tm-small", onclick: (event) => onAction("close", deviceOf(event)) },
      words("compare.cancel"),
      kbd("Esc"),
    );
    this.element = el(
      "section",
      { class: "tm-reasons", "aria-labelledby": "tm-why", hidden: true },
      el("h2", { class: "tm-reasons-title", id: "tm-why" }, words("compare.skip_why")),
      el("div", { class: "tm-reason-grid" }, buttons),
      back,
    );
  }

  get open() {
    return !this.element.hidden;
  }

  /** Open or close; where the focus was inside, it goes to `back`. */
  show(open, back) {
    if (open === this.open) return;
    const inside = this.element.contains(document.activeElement);
    this.element.hidden = !open;
    if (open) this.element.querySelector("button").focus({ preventScroll: true });
    else if (inside) back.focus({ preventScroll: true });
  }
}
