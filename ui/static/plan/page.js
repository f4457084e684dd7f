// The page planning: what so many people and judgments would tell.

import { el } from "../page/elements.js";
import { button, field, form, textInput } from "../page/fields.js";
import { number, percent } from "../page/figures.js";
import { openFrame } from "../page/frame.js";
import { request } from "../page/http.js";
import { Remote } from "../page/remote.js";
import { faultWords } from "../page/setting_field.js";
import { table } from "../page/table.js";

const share = { kind: "number", least: 0, most: 1 };
/** What a plan is asked with, and what the server allows (rounds/planning.py). */
const ASKED = {
  people: { kind: "whole", least: 1, most: 100_000 },
  judgments: { kind: "whole", least: 1, most: 100_000_000 },
  ties: { ...share, most: 0.95 },
  skips: { ...share, most: 0.9 },
  seconds: { kind: "number", least: 1, most: 3600 },
  accuracy: share,
  agreement: share,
};
const [NEEDED, ASSUMED] = [["people", "judgments"], Object.keys(ASKED).slice(2)];
const TYPING_MILLISECONDS = 250;

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "plan");
  if (frame) new PlanPage(frame).start();
}

/** What an address asks for: people, judgments and assumptions that are numbers. */
export function asked(hash) {
  const given = Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
  const kept = Object.keys(ASKED).filter((name) => given[name] !== "" && Number(given[name]) >= 0);
  return { people: "6", judgments: "600", ...Object.fromEntries(kept.map((name) => [name, given[name]])) };
}

class PlanPage {
  constructor(frame) {
    this.frame = frame;
    this.words = frame.words;
    this.fields = {};
    this.plan = new Remote(
      this.words,
      () => request(this.words, `/api/plan?${this.query()}`),
      (answer) => this.draw(answer),
    );
  }

  start() {
    const { words } = this;
    const given = asked(location.hash);
    const number = (name) => {
      const { kind, least, most } = ASKED[name];
      const input = textInput({
        type: "number",
        inputmode: kind === "whole" ? "numeric" : "decimal",
        value: given[name] ?? "",
        min: least,
        max: most,
        step: kind === "whole" ? "1" : "any",
        required: NEEDED.includes(name),
      });
      input.addEventListener("input", () => this.typed());
      this.fields[name] = field(words(`plan.${name}`), input);
      return this.fields[name].element;
    };
    this.frame.main.append(
      el("h1", { class: "tm-title" }, words("nav.plan")),
      el("p", { class: "tm-lead" }, words("plan.about")),
      form(
        [
          el("div", { class: "tm-filters" }, NEEDED.map(number)),
          el(
            "details",
            { open: ASSUMED.some((name) => name in given) },
            el("summary", {}, words("plan.assume")),
            el("p", { class: "tm-help" }, words("plan.assume_about")),
            el("div", { class: "tm-filters" }, ASSUMED.map(number)),
          ),
          el("div", { class: "tm-actions" }, button(words("plan.reckon"))),
        ],
        () => this.reckon(),
      ),
      this.plan.element,
    );
    window.addEventListener("hashchange", () => this.follow(), { signal: this.frame.signal });
    this.check();
    this.plan.load();
  }

  query() {
    const given = Object.entries(this.fields).map(([name, { input }]) => [name, input.value.trim()]);
    return new URLSearchParams(given.filter(([, value]) => value !== "")).toString();
  }

  typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.check() === null && this.load(), TYPING_MILLISECONDS);
  }

  /** Say beside each field what is wrong with it; the plan that is shown is of other figures then. Gives the first. */
  check() {
    const faulty = Object.entries(this.fields).filter(([name, each]) => {
      const { valid, valueMissing } = each.input.validity;
      const said = valueMissing ? this.words("form.needed") : faultWords(this.frame, ASKED[name], {});
      each.fail(valid ? "" : said);
      return !valid;
    });
    this.plan.element.toggleAttribute("data-stale", faulty.length > 0);
    return faulty.length ? faulty[0][1] : null;
  }

  reckon() {
    const faulty = this.check();
    if (faulty === null) return this.load();
    faulty.element.closest("details")?.setAttribute("open", "");
    return faulty.input.focus();
  }

  /** The address leads back to this plan. */
  load() {
    history.replaceState(null, "", `#${this.query()}`);
    return this.plan.load();
  }

  follow() {
    const given = asked(location.hash);
    for (const [name, { input }] of Object.entries(this.fields)) input.value = given[name] ?? "";
    this.check();
    return this.plan.load();
  }

  draw(plan) {
    return [
      el("div", { class: "tm-plan-cards" }, this.labels(plan), this.widths(plan), this.work(plan)),
      this.flow(plan),
      this.apart(plan),
      this.assumed(plan.assumptions),
    ];
  }

  card(title, big, lines) {
    return el(
      "section",
      { class: "tm-box tm-plan-card" },
      el("h2", { class: "tm-label" }, title),
      el("p", { class: "tm-big" }, big),
      lines.filter(Boolean).map((line) => el("p", {}, line)),
    );
  }

  labels(plan) {
    const { words } = this;
    return this.card(words("plan.labels"), String(plan.training), [
      words("plan.labels.decided", { n: plan.training_decided }),
      words("plan.labels.holdout", { n: plan.holdout, decided: plan.holdout_decided }),
    ]);
  }

  widths(plan) {
    const { words } = this;
    const half = (value) => (value === null ? words("plan.no_width") : `± ${number(100 * value, 1)}`);
    return this.card(words("plan.widths"), half(plan.accuracy_half), [
      words("plan.widths.accuracy", { n: plan.holdout_decided }),
      words("plan.widths.agreement", { half: half(plan.agreement_half), n: plan.shared }),
    ]);
  }

  work(plan) {
    const { words } = this;
    return this.card(words("plan.work"), words("plan.work.hours", { n: number(plan.hours_each, 1) }), [
      words("plan.work.each", { n: plan.each }),
      plan.days === null ? null : words("plan.work.days", { n: plan.days }),
    ]);
  }

  /** Where the judgments go: parts of the whole as bars, with their numbers. */
  flow(plan) {
    const { words } = this;
    const parts = ["training", "holdout", "skipped", "checks", "repeats"];
    const rows = parts.map((name) => [
      words(`plan.flow.${name}`),
      String(plan[name]),
      el("progress", {
        class: "tm-progress",
        max: plan.judgments,
        value: plan[name],
        "aria-label": words(`plan.flow.${name}`),
      }),
    ]);
    const title = words("plan.flow");
    return el(
      "section",
      { class: "tm-plan-part" },
      el("h2", { class: "tm-box-title" }, title),
      el(
        "p",
        { class: "tm-help" },
        words("plan.flow.about", { comparisons: plan.comparisons, again: plan.again, shared: plan.shared }),
      ),
      table(
        title,
        [
          [words("plan.flow.part"), false],
          [words("plan.judgments"), true],
          [words("plan.flow.share"), false],
        ],
        rows,
      ),
    );
  }

  apart(plan) {
    const { words } = this;
    const share = ({ share: least }) =>
      least === null ? words("plan.apart.never") : words("plan.apart.from", { share: percent(least) });
    const rows = [
      [words("plan.apart.stream"), String(plan.new_against_old.judgments), share(plan.new_against_old)],
      ...plan.blind_studies.map((one) => [words("plan.apart.study"), String(one.judgments), share(one)]),
    ];
    const title = words("plan.apart");
    return el(
      "section",
      { class: "tm-plan-part" },
      el("h2", { class: "tm-box-title" }, title),
      el("p", { class: "tm-help" }, words("plan.apart.about")),
      table(
        title,
        [
          [words("plan.apart.where"), false],
          [words("plan.judgments"), true],
          [words("plan.apart.share"), false],
        ],
        rows,
      ),
    );
  }

  assumed(assumptions) {
    const { words } = this;
    const shown = (name, value) => (name === "seconds" ? number(value, 0) : percent(value, 0));
    const rows = ASSUMED.map((name) => [
      words(`plan.${name}`),
      shown(name, assumptions[name].value),
      words(`plan.source.${assumptions[name].source.replaceAll(" ", "_")}`),
    ]);
    const title = words("plan.assumed");
    return el(
      "section",
      { class: "tm-plan-part" },
      el("h2", { class: "tm-box-title" }, title),
      table(
        title,
        [
          [words("plan.assumed.what"), false],
          [words("plan.assumed.value"), true],
          [words("plan.assumed.source"), false],
        ],
        rows,
      ),
    );
  }
}
