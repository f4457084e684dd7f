// The responses side by side, two to five.

import { el, setText } from "../page/elements.js";

export class Panes {
  constructor(words, candidates) {
    this.words = words;
    this.panes = Array.from({ length: candidates }, (_, place) => this.pane(place));
    this.element = el(
      "div",
      { class: `tm-panes tm-panes-${candidates}` },
      this.panes.map((pane) => pane.element),
    );
  }

  pane(place) {
    const id = `tm-response-${place + 1}`;
    const rank = el("span", { class: "tm-rank", hidden: true });
    const title = el(
      "h2",
      { class: "tm-pane-title", id },
      el("span", { class: "tm-number", "aria-hidden": "true" }, String(place + 1)),
      el("span", {}, this.words("compare.response", { n: place + 1 })),
      rank,
    );
    // It scrolls, so the keyboard has to reach it.
    const text = el("div", { class: "tm-response", tabindex: "0", role: "group", "aria-labelledby": id });
    const mark = el("p", { class: "tm-cut-off", hidden: true }, this.words("compare.cut_off"));
    const element = el("section", { class: `tm-pane tm-pane-${place + 1}`, "aria-labelledby": id }, title, text, mark);
    return { element, text, mark, rank };
  }

  show(question) {
    question.completions.forEach(({ cut_off }, place) => {
      this.panes[place].mark.hidden = !cut_off;
      this.panes[place].text.scrollTop = 0;
    });
  }

  /** The ranks so far, beside the names; null where nothing is ranked. */
  rank(ranking) {
    this.panes.forEach(({ rank }, place) => {
      const at = ranking ? ranking.order.indexOf(place) : -1;
      rank.hidden = at < 0;
      if (at >= 0) setText(rank, this.words("board.rank", { rank: ranking.rankAt(at) }));
    });
  }
}
