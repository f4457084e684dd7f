// Pairs that nobody is asked because a text says which model wrote it.

import { el } from "../page/elements.js";
import { acting } from "../page/acting.js";
import { Paged } from "./paged.js";
import { pairView } from "./pair.js";

export class HeldBack extends Paged {
  constructor(tools) {
    const { words } = tools;
    super(tools, {
      path: "/api/held-back",
      name: "pairs",
      about: words("people.held.about"),
      empty: words("people.held.none"),
      item: (pair) => this.pair(pair),
    });
  }

  pair(pair) {
    const { words, ask } = this.tools;
    const decide = (serve) => async () => {
      await ask(`/api/held-back/${pair.comparison}`, { serve });
      await this.list.load();
    };
    return [
      pairView(words, pair),
      el(
        "div",
        { class: "tm-actions" },
        acting(words("people.held.keep_out"), decide(false)),
        acting(words("people.held.serve"), decide(true)),
      ),
    ];
  }
}
