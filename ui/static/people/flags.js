// What people want looked at, the oldest first.

import { el, foreignText } from "../page/elements.js";
import { momentWords } from "../page/moments.js";
import { acting } from "../page/acting.js";
import { Paged } from "./paged.js";
import { pairView } from "./pair.js";

export class Flags extends Paged {
  constructor(tools) {
    const { words } = tools;
    super(tools, {
      path: "/api/flags",
      name: "flags",
      about: words("people.flags.about"),
      empty: words("people.flags.none"),
      item: (flag) => this.flag(flag),
    });
  }

  flag({ id, note, at, by, place, pair }) {
    const { words, ask, language } = this.tools;
    const resolve = async () => {
      await ask(`/api/flags/${id}/resolve`, {});
      await this.list.load();
    };
    const from = by ?? words("people.flags.nobody");
    return [
      foreignText(el("p", { class: "tm-note" }), note),
      el("p", { class: "tm-help" }, words("people.flags.from", { by: from, at: momentWords(at, language) })),
      pairView(words, pair, { marks: place === null ? {} : { [place]: words("people.flags.this") } }),
      el(
        "div",
        { class: "tm-actions" },
        acting(words("people.flags.resolve"), resolve, { "data-focus": `flag-${id}` }),
      ),
    ];
  }
}
