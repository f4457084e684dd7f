// Where the newer side did worse: the texts beside each other, the clearest first.

import { el, foreignText } from "../page/elements.js";
import { choice, field } from "../page/fields.js";
import { pager } from "../page/pager.js";
import { Remote } from "../page/remote.js";

const SIZE = 5;

export class Regressions {
  constructor(tools, evaluation, names) {
    Object.assign(this, { words: tools.words, ask: tools.ask, evaluation, names, page: 0 });
    const pairs = evaluation.result.pairs.filter(({ judgments }) => judgments > 0);
    this.chosen = pairs[0] ?? evaluation.result.pairs[0];
    this.remote = new Remote(
      this.words,
      () => this.ask(this.path()),
      (answer) => this.draw(answer),
    );
    const options = pairs.map((pair, place) => [
      String(place),
      this.words("policies.against", { newer: names[pair.newer], older: names[pair.older] }),
    ]);
    const which = choice(options, "0", { onchange: () => this.choose(pairs[Number(which.value)]) });
    this.element = el(
      "section",
      { class: "tm-listed" },
      el("h3", { class: "tm-box-title" }, this.words("policies.regressions")),
      pairs.length > 1 ? field(this.words("policies.which_pair"), which).element : null,
      this.remote.element,
    );
    this.remote.load();
  }

  path() {
    const query = new URLSearchParams({
      older: this.chosen.older,
      newer: this.chosen.newer,
      page: this.page,
      size: SIZE,
    });
    return `/api/evaluations/${this.evaluation.id}/regressions?${query}`;
  }

  choose(pair) {
    this.chosen = pair;
    this.go(0);
  }

  go(page) {
    this.page = page;
    this.remote.load();
  }

  draw({ pairs, total }) {
    const { words } = this;
    if (total === 0) return el("p", { class: "tm-empty" }, words("policies.no_regressions"));
    return [
      el(
        "ol",
        { class: "tm-sides" },
        pairs.map((pair) => this.row(pair)),
      ),
      pager(words, { page: this.page, size: SIZE, total }, (page) => this.go(page)),
    ];
  }

  row({ prompt, strength, older, newer }) {
    const { words, names } = this;
    return el(
      "li",
      { class: "tm-side-row" },
      foreignText(el("p", { class: "tm-side-prompt" }), prompt),
      strength === null ? null : el("p", { class: "tm-help" }, words(`policies.how_much.${strength}`)),
      el(
        "div",
        { class: "tm-panes" },
        this.pane(names[this.chosen.older], older),
        this.pane(names[this.chosen.newer], newer),
      ),
    );
  }

  pane(name, { text, cut_off }) {
    const { words } = this;
    return el(
      "section",
      { class: "tm-pane" },
      el("h4", { class: "tm-pane-title" }, el("bdi", {}, name)),
      foreignText(el("div", { class: "tm-response" }), text.trim() === "" ? words("views.empty") : text),
      cut_off ? el("p", { class: "tm-cut-off" }, words("compare.cut_off")) : null,
    );
  }
}
