// How far people agree, with intervals; and the pairs on which they are divided, of which check questions can be made.

import { showDialog } from "../page/dialog.js";
import { el } from "../page/elements.js";
import { button, choice, field, form } from "../page/fields.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";
import { asOf } from "../page/as_of.js";
import { measured } from "./figures.js";
import { pairView } from "./pair.js";

const ANSWERS = { first: [1, 2], second: [2, 1], tie: [1, 1] };

export class Agreement {
  constructor(tools) {
    Object.assign(this, tools);
    this.list = new Remote(
      this.words,
      () => this.ask("/api/agreement"),
      (answer) => this.draw(answer),
    );
    this.element = el(
      "div",
      { class: "tm-listed" },
      el("p", { class: "tm-help" }, this.words("people.agreement.about")),
      this.list.element,
    );
  }

  open() {
    return this.list.load();
  }

  draw(answer) {
    const { words } = this;
    const again = () => this.list.load();
    const note = asOf(words, answer, this.language, again);
    if (answer.measures.every(({ value }) => value === null))
      return [el("p", { class: "tm-empty" }, words("people.agreement.none")), note];
    return [this.measures(answer.measures), this.divided(answer.divided), note];
  }

  measures(measures) {
    const { words } = this;
    const name = (measure) => words(`people.agreement.${measure.replaceAll(" ", "_")}`);
    const rows = measures.map((each) => [
      name(each.measure),
      measured(words, each),
      String(each.pairs),
      String(each.verdicts),
    ]);
    const columns = [
      [words("people.agreement.measure"), false],
      [words("people.agreement.value"), true],
      [words("people.agreement.pairs"), true],
      [words("people.agreement.verdicts"), true],
    ];
    return table(words("people.tab.agreement"), columns, rows);
  }

  divided(divided) {
    const { words } = this;
    if (divided.length === 0) return el("p", { class: "tm-empty" }, words("people.agreement.not_divided"));
    const rows = divided.map(({ comparison, votes }) => [
      button(words("people.agreement.open"), () => this.look(comparison), {
        class: "tm-plain",
        "data-focus": `pair-${comparison}`,
        "aria-label": words("people.agreement.open_one", { votes: votes.join(" : ") }),
      }),
      ...votes.map(String),
    ]);
    const columns = [
      [words("people.agreement.pair"), false],
      ...["first", "second", "tie"].map((side) => [words(`people.agreement.for_${side}`), true]),
    ];
    return el(
      "section",
      {},
      el("h2", { class: "tm-box-title" }, words("people.agreement.divided")),
      table(words("people.agreement.divided"), columns, rows),
    );
  }

  /** The pair, with a form that makes a check question of it. */
  async look(comparison) {
    const { words } = this;
    const body = el("div", { "aria-busy": "true" }, words("part.loading"));
    showDialog(words, this.root, words("people.agreement.pair"), [body]);
    try {
      const pair = await this.ask(`/api/pairs/${encodeURIComponent(comparison)}`);
      body.replaceChildren(pairView(words, pair), this.makeCheck(comparison, pair));
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      body.replaceChildren(el("p", { class: "tm-field-error", role: "alert" }, failure.message));
    }
    body.removeAttribute("aria-busy");
  }

  makeCheck(comparison, pair) {
    const { words } = this;
    if (pair.completions.length !== 2) return "";
    const options = Object.keys(ANSWERS).map((name) => [name, words(`people.agreement.answer_${name}`)]);
    const answer = choice(options, "first");
    const asked = field(words("people.agreement.expert"), answer, words("people.agreement.expert_help"));
    const said = el("p", { class: "tm-said", role: "status" });
    const send = async () => {
      asked.fail("");
      try {
        await this.ask("/api/checks", { comparison, ranks: ANSWERS[answer.value] });
        said.textContent = words("people.agreement.made");
      } catch (failure) {
        if (!("status" in failure)) throw failure;
        asked.fail(failure.message);
      }
    };
    return form(
      [asked.element, el("div", { class: "tm-actions" }, button(words("people.agreement.make")), said)],
      send,
    );
  }
}
