// Everybody who judges: a table that filters, sorts and opens a person.

import { el, foreignText } from "../page/elements.js";
import { button, choice, field, textInput } from "../page/fields.js";
import { number } from "../page/figures.js";
import { pager } from "../page/pager.js";
import { Remote } from "../page/remote.js";
import { dayWords } from "../page/moments.js";
import { asOf } from "../page/as_of.js";
import { query, reliabilityNote, reliance, share } from "./figures.js";
import { PersonPanel } from "./person.js";

const SIZE = 25;
const STATES = ["active", "training", "not_qualified", "paused", "paused_by_checks", "withdrawn", "disabled", "erased"];
const COLUMNS = [
  "name",
  "role",
  "state",
  "today",
  "answers",
  "per_hour",
  "reliability",
  "checks",
  "repeats",
  "side",
  "ties",
];
const COUNTED = ["today", "answers", "per_hour", "reliability", "checks", "repeats", "side", "ties"];
const TYPING_MILLISECONDS = 300;

export class Listing {
  constructor(tools) {
    Object.assign(this, tools);
    this.chosen = { search: "", state: "", sort: "came", descending: false, page: 0 };
    this.panel = new PersonPanel(tools, () => this.list.load());
    const ask = () => this.ask(`/api/people?${query({ ...this.chosen, size: SIZE })}`);
    this.list = new Remote(this.words, ask, (answer) => this.draw(answer));
    this.element = el("div", { class: "tm-people" }, this.filters(), this.list.element, this.panel.element);
  }

  open(within) {
    this.panel.show(within);
    return this.list.load();
  }

  filters() {
    const { words } = this;
    const search = textInput({ type: "search", id: "tm-people-search" });
    search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.choose({ search: search.value, page: 0 }), TYPING_MILLISECONDS);
    });
    const states = [["", words("people.any_state")], ...STATES.map((state) => [state, words(`people.state.${state}`)])];
    const state = choice(states, "", { id: "tm-people-state" });
    state.addEventListener("change", () => this.choose({ state: state.value, page: 0 }));
    return el(
      "div",
      { class: "tm-filters", role: "search" },
      field(words("people.search"), search).element,
      field(words("people.state"), state).element,
    );
  }

  choose(changed) {
    this.chosen = { ...this.chosen, ...changed };
    return this.list.load();
  }

  draw(answer) {
    const { words } = this;
    const { page } = this.chosen;
    // The last one of a page may fit no more.
    if (answer.people.length === 0 && page > 0) return this.choose({ page: page - 1 }) && null;
    if (answer.everybody === 0) return el("p", { class: "tm-empty" }, words("people.none"));
    const summary = words("people.summary", { people: answer.everybody, today: answer.today, answers: answer.answers });
    const found = answer.people.length
      ? this.table(answer.people)
      : el("p", { class: "tm-empty" }, words("people.nobody_fits"));
    return [
      el("p", { class: "tm-summary" }, summary),
      found,
      el("p", { class: "tm-as-of" }, reliabilityNote(words, answer)),
      pager(words, { page, size: SIZE, total: answer.total }, (to) => this.choose({ page: to })),
      asOf(words, answer, this.language, () => this.list.load()),
    ];
  }

  table(people) {
    const { words } = this;
    return el(
      "div",
      { class: "tm-table-scroll", tabindex: "0", role: "region", "aria-label": words("people.tab.people") },
      el(
        "table",
        { class: "tm-table tm-people-table" },
        el("caption", { class: "tm-unseen" }, words("people.tab.people")),
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            COLUMNS.map((name) => this.head(name)),
          ),
        ),
        el(
          "tbody",
          {},
          people.map((person) => this.row(person)),
        ),
      ),
    );
  }

  head(name) {
    const { sort, descending } = this.chosen;
    const mine = sort === name;
    const turn = () => this.choose({ sort: name, descending: mine ? !descending : COUNTED.includes(name), page: 0 });
    const arrow = mine ? (descending ? " ↓" : " ↑") : "";
    return el(
      "th",
      {
        scope: "col",
        class: COUNTED.includes(name) ? "tm-count" : null,
        "aria-sort": mine ? (descending ? "descending" : "ascending") : null,
      },
      button(this.words(`people.column.${name}`) + arrow, turn, { class: "tm-sort", "data-focus": `sort-${name}` }),
    );
  }

  row(person) {
    const { words } = this;
    const open = () => (location.hash = `people/${person.id}`);
    const name = button("", open, { class: "tm-plain", "data-focus": `person-${person.id}` });
    foreignText(name, person.name);
    const left = person.left_out ? el("span", { class: "tm-tag" }, words("people.left_out")) : null;
    const cells = {
      name: [name, left],
      role: words(person.role ? `door.role.${person.role}` : `people.kind.${person.kind}`),
      state: el("span", { class: "tm-state-tag", "data-state": person.state }, words(`people.state.${person.state}`)),
      today: String(person.today),
      answers: String(person.answers),
      per_hour: number(person.per_hour, 0),
      reliability: reliance(words, person.reliability),
      ...Object.fromEntries(["checks", "repeats", "side", "ties"].map((key) => [key, share(words, person[key])])),
    };
    const title = person.last_day ? words("people.last_day", { day: dayWords(person.last_day, this.language) }) : null;
    const cell = (key) => el("td", { class: COUNTED.includes(key) ? "tm-count" : null }, cells[key]);
    return el("tr", { title }, COLUMNS.map(cell));
  }
}
