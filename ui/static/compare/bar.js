// The bar of two responses: seven steps, or three where the study does not ask how much better; and both bad.

import { el } from "../page/elements.js";
import { deviceOf, kbd, once } from "./buttons.js";
import { keysOfSteps } from "./key_map.js";
import { SEVEN, stepOf, THREE } from "./verdict.js";

export class Bar {
  /** `onAction(action, device)` gets {step} or "both_bad". `label` is the id of the question's words. */
  constructor(words, { strength, label, onAction }) {
    this.strength = strength;
    const keys = keysOfSteps(strength);
    const steps = (strength ? SEVEN : THREE).map(({ name, glyph }) =>
      this.radio(name, {
        label: words(`step.${name}.full`),
        glyph,
        word: words(`step.${name}`),
        keys: keys[name],
        press: (event) => onAction({ step: name }, deviceOf(event)),
      }),
    );
    this.bothBad = this.radio("both_bad", {
      label: words("compare.both_bad"),
      glyph: "✗✗",
      word: words("compare.both_bad"),
      keys: ["B"],
      press: (event) => onAction("both_bad", deviceOf(event)),
    });
    this.radios = [...steps, this.bothBad];
    this.element = el(
      "div",
      { class: "tm-bar", role: "radiogroup", "aria-labelledby": label },
      el(
        "div",
        { class: "tm-ends", "aria-hidden": "true" },
        [1, 2].map((n) => el("span", {}, words("compare.response", { n }))),
      ),
      el("div", { class: `tm-steps tm-steps-${steps.length}`, role: "presentation" }, steps),
      this.bothBad,
    );
  }

  radio(name, { label, glyph, word, keys, press }) {
    return el(
      "button",
      {
        type: "button",
        role: "radio",
        "aria-checked": "false",
        "aria-label": label,
        class: `tm-answer tm-answer-${name} tm-side-${name.split("_")[0]}`,
        "data-step": name,
        onclick: once(press),
      },
      el("span", { class: "tm-glyph", "aria-hidden": "true" }, glyph),
      el("span", { class: "tm-word" }, word),
      kbd(...keys),
    );
  }

  /** Show what was said in this step; criteria know no "both bad". */
  show(said, isDecision) {
    const chosen = said?.both_bad ? "both_bad" : stepOf(said, this.strength);
    for (const radio of this.radios) radio.setAttribute("aria-checked", String(radio.dataset.step === chosen));
    this.bothBad.hidden = !isDecision;
  }
}
