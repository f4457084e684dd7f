// The two fields of a question: why (the rationale), and how the better response would be better still.

import { el } from "../page/elements.js";

const MOST_RATIONALE_CHARACTERS = 20_000;
const MOST_IMPROVED_CHARACTERS = 100_000;

/** Write to `onText(text)`; Control and Enter call `onLeave()`. */
function area(attributes, onText, onLeave) {
  const field = el("textarea", { class: "tm-area", dir: "auto", ...attributes });
  field.addEventListener("input", () => onText(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    onLeave();
  });
  return field;
}

export class RationaleField {
  constructor(words, { onText, onLeave }) {
    this.field = area({ rows: 3, id: "tm-rationale", maxlength: MOST_RATIONALE_CHARACTERS }, onText, onLeave);
    this.element = el(
      "div",
      { class: "tm-writing", hidden: true },
      el("label", { for: "tm-rationale" }, words("writing.rationale")),
      this.field,
      el("p", { class: "tm-field-keys" }, words("writing.leave")),
    );
  }

  show(steps) {
    this.element.hidden = steps.current !== "rationale";
    if (this.field.value !== steps.rationale) this.field.value = steps.rationale;
  }
}

export class ImproveField {
  /** `onPlace(place)` is told which response is improved. */
  constructor(words, candidates, { onText, onPlace, onLeave }) {
    this.field = area({ rows: 6, id: "tm-improve", maxlength: MOST_IMPROVED_CHARACTERS }, onText, onLeave);
    this.choice = el(
      "select",
      {
        class: "tm-select",
        "aria-label": words("writing.improve_which"),
        onchange: () => onPlace(this.choice.selectedIndex),
      },
      Array.from({ length: candidates }, (_, place) => el("option", {}, words("compare.response", { n: place + 1 }))),
    );
    this.element = el(
      "div",
      { class: "tm-writing", hidden: true },
      el(
        "div",
        { class: "tm-writing-head" },
        el("label", { for: "tm-improve" }, words("writing.improve")),
        this.choice,
      ),
      this.field,
      el("p", { class: "tm-field-keys" }, words("writing.leave")),
    );
  }

  show(steps) {
    this.element.hidden = steps.current !== "improve";
    if (this.element.hidden) return;
    this.choice.selectedIndex = steps.improving;
    if (this.field.value !== steps.improvedText) this.field.value = steps.improvedText;
  }
}
