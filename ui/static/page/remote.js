// A place that is filled from the server: it says that it loads, or what failed with a way on.

import { el, putInto } from "./elements.js";
import { button } from "./fields.js";
import { wayIn } from "./refusals.js";

export class Remote {
  /**
   * `ask()` resolves to what `draw(answer)` turns into nodes. What is there stays until something new came. `quiet`: it
   * is asked again and again; an answer that is the same as before leaves everything as it is.
   */
  constructor(words, ask, draw, { quiet = false } = {}) {
    Object.assign(this, { words, ask, draw, quiet, latest: 0, drawn: null });
    this.element = el("div", { class: "tm-remote", tabindex: "-1" });
  }

  async load() {
    const mine = ++this.latest;
    const empty = !this.element.hasChildNodes();
    if (empty) this.show(el("p", { class: "tm-empty" }, this.words("part.loading")));
    if (empty || !this.quiet) this.element.setAttribute("aria-busy", "true");
    try {
      const answer = await this.ask();
      if (mine === this.latest) this.take(answer);
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      if (mine === this.latest) this.fail(failure);
    } finally {
      if (mine === this.latest) this.element.removeAttribute("aria-busy");
    }
  }

  take(answer) {
    const text = this.quiet ? JSON.stringify(answer) : null;
    if (this.quiet && text === this.drawn) return;
    this.drawn = text;
    this.show(...[this.draw(answer)].flat(Infinity));
  }

  /** Forget what is shown: the next answer is of something else. */
  clear() {
    this.latest++;
    this.drawn = null;
    this.element.replaceChildren();
  }

  fail(failure) {
    const { words } = this;
    const said = words("part.failed", { reason: failure.message });
    this.drawn = null;
    this.show(
      el("p", { class: "tm-field-error", role: "alert" }, said, wayIn(words, failure)),
      button(words("part.again"), () => this.load(), { "data-focus": "again" }),
    );
  }

  show(...nodes) {
    const inside = this.element.contains(document.activeElement) && document.activeElement !== this.element;
    const kept = inside ? document.activeElement.dataset.focus : null;
    const unfolded = new Set([...this.element.querySelectorAll("details[open]")].map(nameOf));
    putInto(this.element, nodes.filter(Boolean));
    for (const fold of this.element.querySelectorAll("details")) {
      // What somebody unfolded stays so, however often it is drawn anew.
      fold.open ||= unfolded.has(nameOf(fold));
      fold.querySelector("summary")?.setAttribute("data-focus", `fold-${nameOf(fold)}`);
    }
    // Focus is not lost when a row that had it is drawn anew; what is switched off now cannot have it.
    const again = kept ? this.element.querySelector(`[data-focus="${CSS.escape(kept)}"]:not([disabled])`) : null;
    if (inside && !this.element.contains(document.activeElement))
      (again ?? this.element).focus({ preventScroll: true });
  }
}

function nameOf(fold) {
  return fold.dataset.part ?? fold.querySelector("summary")?.textContent;
}
