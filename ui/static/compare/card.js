// The card: a prompt, two responses, the answers. It draws and reports what was chosen; it decides nothing.

import { el, foreignText } from "../page/elements.js";

export const SKIP_REASONS = ["language", "expertise", "broken", "unsafe", "unclear", "other"];
const ANSWERS = [
  ["first", "prefer_first", "←", "1"],
  ["tie", "tie", "↓", "3"],
  ["second", "prefer_second", "→", "2"],
];

export class Card {
  /** `onAction(action, device)` gets "first", "second", "tie", "both_bad", "skip", "undo", "keys", "close" or {reason}. */
  constructor(words, onAction) {
    this.words = words;
    this.press = (action) => (event) => onAction(action, event.detail === 0 ? "keyboard" : "pointer");
    this.prompt = el("div", { class: "tm-prompt-now" });
    this.earlier = el("div", { class: "tm-turns" });
    this.earlierBox = el("details", { class: "tm-earlier" }, el("summary", {}, words("compare.earlier")), this.earlier);
    this.panes = ["first", "second"].map((name) => this.pane(name));
    this.answers = Object.fromEntries(ANSWERS.map((answer) => [answer[0], this.answerButton(...answer)]));
    this.answers.both_bad = this.answerButton("both_bad", "both_bad", "B");
    this.skipButton = this.smallButton("skip", "S");
    this.undoButton = this.smallButton("undo", "Z");
    this.reasons = this.reasonList();
    this.element = this.lay();
  }

  pane(name) {
    const text = el("div", { class: "tm-response" });
    const mark = el("p", { class: "tm-cut-off", hidden: true }, this.words("compare.cut_off"));
    const title = el("h2", { class: "tm-pane-title", id: `tm-${name}` }, this.words(`compare.${name}`));
    const element = el("section", { class: "tm-pane", "aria-labelledby": `tm-${name}` }, title, text, mark);
    return { element, text, mark };
  }

  answerButton(action, label, ...keys) {
    return el(
      "button",
      {
        type: "button",
        role: "radio",
        "aria-checked": "false",
        class: `tm-answer tm-answer-${action}`,
        onclick: this.press(action),
      },
      el("span", {}, this.words(`compare.${label}`)),
      el(
        "span",
        { class: "tm-keys", "aria-hidden": "true" },
        keys.map((key) => el("kbd", {}, key)),
      ),
    );
  }

  smallButton(action, key) {
    return el(
      "button",
      { type: "button", class: "tm-small", onclick: this.press(action) },
      el("span", {}, this.words(`compare.${action}`)),
      el("kbd", { "aria-hidden": "true" }, key),
    );
  }

  reasonList() {
    const buttons = SKIP_REASONS.map((reason, place) =>
      el(
        "button",
        { type: "button", class: "tm-reason", onclick: this.press({ reason: place }) },
        el("kbd", { "aria-hidden": "true" }, String(place + 1)),
        el("span", {}, this.words(`compare.skip.${reason}`)),
      ),
    );
    const back = el(
      "button",
      { type: "button", class: "tm-small", onclick: this.press("close") },
      this.words("compare.cancel"),
      el("kbd", { "aria-hidden": "true" }, "Esc"),
    );
    const title = el("h2", { class: "tm-reasons-title", id: "tm-why" }, this.words("compare.skip_why"));
    return el(
      "section",
      { class: "tm-reasons", "aria-labelledby": "tm-why", hidden: true },
      title,
      el("div", { class: "tm-reason-grid" }, buttons),
      back,
    );
  }

  lay() {
    const { words } = this;
    const keysButton = this.smallButton("keys", "?");
    this.title = el("h1", { class: "tm-question", id: "tm-question" }, words("compare.title"));
    this.choices = el(
      "div",
      { class: "tm-answers", role: "radiogroup", "aria-labelledby": "tm-question" },
      Object.values(this.answers),
    );
    return el(
      "article",
      { class: "tm-card" },
      el(
        "section",
        { class: "tm-prompt", "aria-labelledby": "tm-prompt-title" },
        el("h2", { class: "tm-label", id: "tm-prompt-title" }, words("compare.prompt")),
        this.earlierBox,
        this.prompt,
      ),
      el(
        "div",
        { class: "tm-panes" },
        this.panes.map((pane) => pane.element),
      ),
      el("div", { class: "tm-decide" }, this.title, this.choices, this.reasons),
      el("div", { class: "tm-more" }, this.skipButton, this.undoButton, keysButton),
    );
  }

  show(question) {
    const turns = question.prompt;
    foreignText(this.prompt, turns.at(-1)?.content ?? "");
    const before = turns.slice(0, -1);
    this.earlierBox.hidden = before.length === 0;
    this.earlierBox.open = before.some((turn) => turn.role !== "system"); // a conversation is read from its start
    this.earlier.replaceChildren(...before.map((turn) => this.turn(turn)));
    question.completions.forEach((completion, place) => {
      const { text, mark } = this.panes[place];
      foreignText(text, completion.text.trim() === "" ? this.words("compare.empty_text") : completion.text);
      text.scrollTop = 0;
      mark.hidden = !completion.cut_off;
    });
    this.mark(null);
    this.askWhy(false);
  }

  turn({ role, content }) {
    const key = ["system", "user", "assistant"].includes(role) ? role : "other";
    return el(
      "div",
      { class: "tm-turn" },
      el("span", { class: "tm-role" }, this.words(`compare.role.${key}`)),
      foreignText(el("div"), content),
    );
  }

  /** Show which answer is on its way, or none. */
  mark(action) {
    for (const [name, button] of Object.entries(this.answers))
      button.setAttribute("aria-checked", String(name === action));
    this.element.classList.toggle("tm-busy", action !== null);
    this.element.setAttribute("aria-busy", String(action !== null));
  }

  /** Open or close the reasons; where the focus was inside, it moves along. */
  askWhy(open) {
    if (open === this.whyOpen) return;
    const inside = this.reasons.contains(document.activeElement);
    this.reasons.hidden = !open;
    this.choices.hidden = open;
    this.title.hidden = open;
    if (open) this.reasons.querySelector("button").focus({ preventScroll: true });
    else if (inside) this.skipButton.focus({ preventScroll: true });
  }

  get whyOpen() {
    return !this.reasons.hidden;
  }

  /** Bring the start of the pair into view where the last one was scrolled away. */
  toTop() {
    if (this.element.getBoundingClientRect().top < 0) this.element.scrollIntoView({ block: "start" });
  }
}
