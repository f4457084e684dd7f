// What became of each line of a file: left out and why, added, known already; page by page, or as a file.

import { query } from "../page/address.js";
import { el, foreignText } from "../page/elements.js";
import { button } from "../page/fields.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";
import { kindsWords } from "./words_of.js";

const SIZE = 20;
const BECAME = ["left_out", "added", "known"];

export class Report {
  /** `done`: it says what was done, not what would be. */
  constructor(tools, errand, done) {
    Object.assign(this, { tools, words: tools.words, errand, done, starts: [0] });
    const { result } = errand;
    this.became = BECAME.find((name) => result[name] > 0) ?? "added";
    this.list = new Remote(
      tools.words,
      () => this.ask(),
      (answer) => this.draw(answer),
    );
    this.choices = el("div", { class: "tm-actions", role: "group", "aria-label": tools.words("data.report.which") });
    this.element = el("div", { class: "tm-listed" }, this.choices, this.list.element, this.download());
    this.layChoices();
    this.list.load();
  }

  title(name) {
    const tense = name === "added" && !this.done ? "would_add" : name;
    return this.words(`data.report.${tense}`, { n: this.errand.result[name] });
  }

  layChoices() {
    const choose = (name) => {
      this.became = name;
      this.starts = [0];
      this.layChoices();
      this.choices.querySelector("[aria-pressed=true]").focus();
      this.list.load();
    };
    this.choices.replaceChildren(
      ...BECAME.map((name) =>
        button(this.title(name), () => choose(name), {
          class: "tm-button tm-slim tm-data-choice",
          "aria-pressed": String(name === this.became),
        }),
      ),
    );
  }

  ask() {
    const asked = query({ became: this.became, start: this.starts.at(-1), size: SIZE });
    return this.tools.ask(`/api/errands/${this.errand.errand}/report?${asked}`);
  }

  draw({ rows, next }) {
    const { words, starts } = this;
    if (rows.length === 0) return el("p", { class: "tm-empty" }, words("data.report.none"));
    const turn = (to) => ((this.starts = to), this.list.load());
    const step = (key, to, disabled) =>
      button(words(key), () => turn(to), { class: "tm-button tm-slim", disabled, "data-focus": key });
    const columns = [
      [words("data.report.line"), true],
      [words(this.became === "left_out" ? "data.report.reason" : "data.report.brings"), false],
    ];
    const what = (row) =>
      this.became === "left_out"
        ? foreignText(el("span"), row.reason ?? "")
        : kindsWords(words, row.brought) || words("data.report.nothing_new");
    const many = next !== null || starts.length > 1;
    return [
      table(
        this.title(this.became),
        columns,
        rows.map((row) => [String(row.line), what(row)]),
      ),
      many
        ? el(
            "nav",
            { class: "tm-pager", "aria-label": words("pager.label") },
            step("pager.back", starts.slice(0, -1), starts.length === 1),
            el("span", { class: "tm-position" }, words("data.page", { n: starts.length })),
            step("pager.forward", [...starts, next], next === null),
          )
        : null,
    ];
  }

  download() {
    const href = `/api/errands/${this.errand.errand}/report.csv`;
    return el(
      "p",
      {},
      el("a", { class: "tm-inline-link", href, download: "import-report.csv" }, this.words("data.report.file")),
    );
  }
}
