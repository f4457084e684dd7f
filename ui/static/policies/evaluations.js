// Blind evaluations: a form that starts one, the list of all, and one that is opened by its address.

import { el } from "../page/elements.js";
import { momentWords } from "../page/moments.js";
import { pager } from "../page/pager.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";
import { OneEvaluation, stateWords } from "./one_evaluation.js";
import { sideWords } from "./sides.js";
import { StartForm } from "./start_form.js";

const SIZE = 10;

export class Evaluations {
  constructor(tools) {
    Object.assign(this, tools);
    this.page = 0;
    this.form = new StartForm(tools, (made) => (location.hash = `evaluations/${made.id}`));
    this.list = new Remote(
      this.words,
      () => this.ask(`/api/evaluations?page=${this.page}&size=${SIZE}`),
      (answer) => this.draw(answer),
    );
    this.one = new OneEvaluation(tools);
    this.all = el("div", { class: "tm-listed" }, this.form.element, this.list.element);
    this.element = el("div", {}, this.all, this.one.element);
  }

  /** `within` is the number of an evaluation, or null for the list. */
  open(within) {
    this.all.hidden = within !== null;
    this.one.element.hidden = within === null;
    if (within !== null) return this.one.open(within);
    this.form.open();
    return this.list.load();
  }

  draw(answer) {
    const { words, language } = this;
    const title = el("h2", { class: "tm-box-title" }, words("policies.evaluations"));
    if (answer.total === 0) return [title, el("p", { class: "tm-empty" }, words("policies.no_evaluations"))];
    const row = (one) => [
      el(
        "a",
        { class: "tm-inline-link", href: `#evaluations/${one.id}` },
        words("policies.evaluation", { id: one.id }),
      ),
      el("bdi", {}, one.sides.map((side) => sideWords(words, side)).join(" · ")),
      words("policies.judged", { judged: one.judged, wanted: one.wanted }),
      stateWords(words, one),
      momentWords(one.created_at, language),
    ];
    const columns = ["evaluation", "sides", "judged", "state", "made"].map((name) => [
      words(`policies.column.${name}`),
      name === "judged",
    ]);
    return [
      title,
      table(words("policies.evaluations"), columns, answer.evaluations.map(row)),
      pager(words, { page: this.page, size: SIZE, total: answer.total }, (page) => this.go(page)),
    ];
  }

  go(page) {
    this.page = page;
    this.list.load();
  }
}
