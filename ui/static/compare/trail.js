// The steps of a question that asks for more than a decision, in their order; and the button that goes on or submits.

import { el, setText } from "../page/elements.js";
import { deviceOf, kbd } from "./buttons.js";
import { DECISION } from "./steps.js";

export class Trail {
  /** `onAction(action, device)` gets {go: step} or "enter". */
  constructor(words, onAction) {
    this.words = words;
    this.onAction = onAction;
    this.list = el("ol", { class: "tm-trail" });
    this.said = el("p", { class: "tm-so-far" });
    this.enterWords = el("span");
    this.enter = el(
      "button",
      { type: "button", class: "tm-button tm-enter", onclick: (event) => onAction("enter", deviceOf(event)) },
      this.enterWords,
      kbd("⏎"),
    );
    this.nav = el("nav", { class: "tm-trail-of", "aria-label": words("trail.title") }, this.list);
    this.element = el("div", { class: "tm-way" }, this.nav, this.said, this.enter);
  }

  /** Show where `steps` stands; `said` is the decision in words. */
  show(steps, said) {
    this.element.hidden = !steps.confirmed;
    if (!steps.confirmed) return;
    this.nav.hidden = steps.names.length < 2;
    this.match(steps.names);
    steps.names.forEach((name, at) => this.mark(this.list.children[at].firstChild, name, steps));
    this.bringIntoView(steps.names.indexOf(steps.current));
    setText(this.said, said);
    const next = steps.decision ? steps.next() : null;
    setText(this.enterWords, this.words(next ? "trail.next" : "trail.submit"));
    this.enter.classList.toggle("tm-primary", !next && steps.missing() === null);
  }

  /** On a narrow screen the steps are one row that scrolls: the one that the person comes to stands in its middle. */
  bringIntoView(at) {
    if (at === this.at) return;
    this.at = at;
    const [row, step] = [this.list, this.list.children[at]].map((node) => node.getBoundingClientRect());
    this.list.scrollLeft += step.left + step.width / 2 - (row.left + row.width / 2);
  }

  /** One button a step; made anew only where the study asks for other steps. */
  match(names) {
    const key = names.join("\n");
    if (this.key === key) return;
    this.key = key;
    const button = (name) =>
      el(
        "button",
        {
          type: "button",
          class: "tm-trail-step",
          onclick: (event) => this.onAction({ go: name }, deviceOf(event)),
        },
        el("span", { class: "tm-trail-mark", "aria-hidden": "true" }),
        el("span", { dir: "auto" }, this.nameOf(name)),
        el("span", { class: "tm-trail-need" }),
      );
    this.list.replaceChildren(...names.map((name) => el("li", {}, button(name))));
  }

  nameOf(name) {
    return name.startsWith("criterion:") ? name.slice("criterion:".length) : this.words(`trail.${name}`);
  }

  mark(button, name, steps) {
    const done = steps.done(name);
    const open = name !== DECISION && steps.need(name) === "required" && !done;
    const [sign, , need] = button.children;
    setText(sign, done ? "✓" : "○");
    setText(need, done ? this.words("trail.done") : open ? this.words("trail.required") : "");
    need.classList.toggle("tm-spoken", done);
    button.setAttribute("aria-current", steps.current === name ? "step" : "false");
  }
}
