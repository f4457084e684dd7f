// A list from the server that is gone through page by page, with words where it is empty.

import { el } from "../page/elements.js";
import { pager } from "../page/pager.js";
import { Remote } from "../page/remote.js";
import { asOf } from "../page/as_of.js";

const SIZE = 10;

export class Paged {
  /** `path` answers {NAME: [...], total}; `item(one)` draws one; `about` and `empty` are words. */
  constructor(tools, { path, name, about, empty, item }) {
    Object.assign(this, { tools, name, empty, item, page: 0 });
    const { words, ask } = tools;
    this.list = new Remote(
      words,
      () => ask(`${path}?page=${this.page}&size=${SIZE}`),
      (answer) => this.draw(answer),
    );
    this.element = el("div", { class: "tm-listed" }, el("p", { class: "tm-help" }, about), this.list.element);
  }

  open() {
    return this.list.load();
  }

  draw(answer) {
    const { words, language } = this.tools;
    const items = answer[this.name];
    // The last one of a page may just have been seen to.
    if (items.length === 0 && this.page > 0) return this.go(this.page - 1);
    if (answer.total === 0) return el("p", { class: "tm-empty" }, this.empty);
    return [
      el(
        "ol",
        { class: "tm-items" },
        items.map((one) => el("li", { class: "tm-box" }, this.item(one))),
      ),
      pager(words, { page: this.page, size: SIZE, total: answer.total }, (page) => this.go(page)),
      "as_of" in answer ? asOf(words, answer, language, () => this.list.load()) : null,
    ];
  }

  go(page) {
    this.page = page;
    this.list.load();
    return null;
  }
}
