// What to do next, and why; under it each kind of run by hand, with the reason where one cannot be started.

import { el, setText } from "../page/elements.js";
import { refill } from "./figures.js";
import { kindWords } from "../page/run_words.js";
import { reasonNodes } from "./words_of.js";

const BY_HAND = ["sample", "train-reward", "train-policy", "evaluate"];

export class NextStep {
  constructor(tools) {
    Object.assign(this, tools);
    this.tools = tools;
    this.reason = el("p", { class: "tm-reason-text" });
    this.primary = el("button", {
      type: "button",
      class: "tm-button tm-primary",
      onclick: () => this.start(this.kind),
    });
    this.link = el("a", { class: "tm-button tm-primary", href: "/", hidden: true }, this.words("console.compare"));
    this.rows = Object.fromEntries(BY_HAND.map((kind) => [kind, this.row(kind)]));
    this.element = el(
      "section",
      { class: "tm-box tm-next", "aria-labelledby": "tm-next" },
      el("h2", { class: "tm-box-title", id: "tm-next" }, this.words("console.next")),
      this.reason,
      el("div", { class: "tm-next-actions" }, this.link, this.primary),
      el("h3", { class: "tm-label" }, this.words("console.by_hand")),
      el(
        "ul",
        { class: "tm-kinds" },
        Object.values(this.rows).map((row) => row.element),
      ),
      el("p", {}, el("a", { class: "tm-inline-link", href: "/runs#new" }, this.words("console.with_settings"))),
    );
  }

  row(kind) {
    const why = el("p", { class: "tm-why", id: `tm-why-${kind}` });
    const button = el(
      "button",
      {
        type: "button",
        class: "tm-button",
        "data-kind": kind,
        "aria-describedby": why.id,
        onclick: () => this.start(kind),
      },
      kindWords(this.tools, kind),
    );
    return { button, why, element: el("li", {}, button, why) };
  }

  update({ next_step: next, actions }) {
    this.kind = next.kind;
    refill(this.reason, reasonNodes(this.tools, next));
    const judge = next.kind === "judge";
    this.link.hidden = !judge;
    this.primary.hidden = judge || next.kind === "wait";
    setText(this.primary, kindWords(this.tools, next.kind));
    for (const action of actions) {
      const row = this.rows[action.kind];
      if (!row) continue;
      refill(row.why, this.about(action));
      row.button.setAttribute("aria-disabled", String(!action.possible));
    }
  }

  /** What a step does, or what speaks against it. */
  about(action) {
    if (!action.possible) return reasonNodes(this.tools, action);
    return action.warning ? reasonNodes(this.tools, action.warning) : [this.words(`does.${action.kind}`)];
  }

  async start(kind) {
    const row = this.rows[kind];
    if (this.sending || row?.button.getAttribute("aria-disabled") === "true") return;
    this.sending = true;
    this.element.setAttribute("aria-busy", "true");
    await (kind === "next-policy" ? this.act("/api/next-policy", {}) : this.act("/api/runs", { kind, settings: {} }));
    this.sending = false;
    this.element.removeAttribute("aria-busy");
  }
}
