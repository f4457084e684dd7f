// Work that a process of the server does: asked for again until it has ended, and shown while it works.

import { el, setText } from "../page/elements.js";

const LOOK_MILLISECONDS = 700;

/** Wait for an errand; `told(errand)` whenever it was looked at. Resolves to the ended one. */
export async function untilEnded(tools, errand, told) {
  let known = errand;
  for (;;) {
    told(known);
    if (known.status !== "working" || !tools.alive()) return known;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
    known = { ...known, ...(await tools.ask(`/api/errands/${known.errand}`)) };
  }
}

/** How far something is: a bar with words. */
export class ProgressBar {
  constructor(label) {
    this.bar = el("progress", { class: "tm-progress", "aria-label": label });
    this.words = el("p", { class: "tm-summary", role: "status" });
    this.element = el("div", { class: "tm-data-progress", hidden: true }, this.bar, this.words);
  }

  /** `of` null: how much there is, is not known. */
  at(text, done, of) {
    this.element.hidden = false;
    if (of) {
      this.bar.max = of;
      this.bar.value = Math.min(done, of);
    } else this.bar.removeAttribute("value");
    setText(this.words, text);
  }

  hide() {
    this.element.hidden = true;
  }
}
