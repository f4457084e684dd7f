// Check questions, with how many got each right: one that most people get wrong may be wrong itself.

import { el } from "../page/elements.js";
import { acting } from "../page/acting.js";
import { share } from "./figures.js";
import { Paged } from "./paged.js";
import { pairView } from "./pair.js";

export class Checks extends Paged {
  constructor(tools) {
    const { words } = tools;
    super(tools, {
      path: "/api/checks",
      name: "checks",
      about: words("people.checks.about"),
      empty: words("people.checks.none"),
      item: (check) => this.check(check),
    });
  }

  check({ pair, expert, right, retired }) {
    const { words, ask } = this.tools;
    const retire = async () => {
      await ask(`/api/checks/${pair.comparison}/retire`, {});
      await this.list.load();
    };
    const marks = Object.fromEntries(expert.map((rank, place) => [place, words("people.checks.rank", { rank })]));
    return [
      el("p", { class: "tm-note" }, words("people.checks.right", { share: share(words, right) })),
      pairView(words, pair, { marks }),
      retired
        ? el("p", { class: "tm-help" }, words("people.checks.retired"))
        : el("div", { class: "tm-actions" }, acting(words("people.checks.retire"), retire)),
    ];
  }
}
