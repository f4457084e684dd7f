// A list that only ever grows at its head, gone through from the newest back.

import { el } from "../page/elements.js";
import { button } from "../page/fields.js";
import { Remote } from "../page/remote.js";

export class History {
  /**
   * `ask(before)` resolves to an answer for entries older than `before` (null: the newest); `take(answer)` gives
   * {entries, more, last}, `last` being what the next page lies before; `draw(entries)` makes nodes of them.
   */
  constructor(words, { ask, take, draw, empty }) {
    Object.assign(this, { words, take, drawEntries: draw, empty, pages: [null] });
    this.remote = new Remote(
      words,
      () => ask(this.pages.at(-1)),
      (answer) => this.draw(answer),
    );
    this.element = this.remote.element;
  }

  open() {
    this.pages = [null];
    this.remote.load();
  }

  draw(answer) {
    const { words, pages } = this;
    const { entries, more, last } = this.take(answer);
    if (entries.length === 0) return [el("p", { class: "tm-empty" }, this.empty)];
    const go = (to) => {
      this.pages = to;
      this.remote.load();
    };
    const step = (key, to, disabled) =>
      button(words(key), () => go(to), { class: "tm-button tm-slim", disabled, "data-focus": key });
    const turn =
      more || pages.length > 1
        ? el(
            "nav",
            { class: "tm-pager", "aria-label": words("pager.label") },
            step("settings.newer", pages.slice(0, -1), pages.length === 1),
            step("settings.older", [...pages, last], !more),
          )
        : null;
    return [...this.drawEntries(entries), turn].filter(Boolean);
  }
}
