// A place that is filled from the server: it says that it loads, or what failed with a way on.

import { el } from "./elements.js";
import { button } from "./fields.js";

export class Remote {
  /** `ask()` resolves to what `draw(answer)` turns into nodes. What is there stays until something new came. */
  constructor(words, ask, draw) {
    Object.assign(this, { words, ask, draw, latest: 0 });
    this.element = el("div", { class: "tm-remote", tabindex: "-1" });
  }

  async load() {
    const mine = ++this.latest;
    if (!this.element.hasChildNodes()) this.show(el("p", { class: "tm-empty" }, this.words("part.loading")));
    this.element.setAttribute("aria-busy", "true");
    try {
      const answer = await this.ask();
      if (mine === this.latest) this.show(...[this.draw(answer)].flat());
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      if (mine === this.latest) this.fail(failure.message);
    } finally {
      if (mine === this.latest) this.element.removeAttribute("aria-busy");
    }
  }

  fail(reason) {
    this.show(
      el("p", { class: "tm-field-error", role: "alert" }, this.words("part.failed", { reason })),
      button(this.words("part.again"), () => this.load()),
    );
  }

  show(...nodes) {
    const inside = this.element.contains(document.activeElement) && document.activeElement !== this.element;
    const kept = inside ? document.activeElement.dataset.focus : null;
    this.element.replaceChildren(...nodes.filter(Boolean));
    // Focus is not lost when a row that had it is drawn anew; what is switched off now cannot have it.
    const again = kept ? this.element.querySelector(`[data-focus="${CSS.escape(kept)}"]:not([disabled])`) : null;
    if (inside) (again ?? this.element).focus({ preventScroll: true });
  }
}
