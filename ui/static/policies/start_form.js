// Starting a blind evaluation: which sides, how many judgments, when it stops; and how long it takes people.

import { el, setText } from "../page/elements.js";
import { button, choice, field, form, manyOf, textInput } from "../page/fields.js";
import { duration } from "../page/figures.js";
import { Remote } from "../page/remote.js";
import { faultWords } from "../page/setting_field.js";

const MOST_OFFERED = 100;
const BEST_OF = 4;
const JUDGMENTS = 60;
const SECONDS_ASSUMED = 20;

export class StartForm {
  /** `started(evaluation)` is called with what was started. */
  constructor(tools, started) {
    Object.assign(this, tools, { started });
    this.remote = new Remote(
      this.words,
      () => this.ask(`/api/policies?size=${MOST_OFFERED}`),
      (answer) => this.draw(answer),
    );
    this.element = el(
      "section",
      { class: "tm-box" },
      el("h2", { class: "tm-box-title" }, this.words("policies.start")),
      el("p", { class: "tm-help" }, this.words("policies.start_about")),
      this.remote.element,
    );
  }

  open() {
    return this.remote.load();
  }

  draw({ policies, names, rewarded, seconds_each: each }) {
    const { words } = this;
    if (policies.length < 2 && !rewarded) return el("p", { class: "tm-empty" }, words("policies.start_only_base"));
    const current = policies.find((policy) => policy.current);
    const options = policies.map(({ name }) => [name, name]);
    const sides = manyOf(
      words("policies.sides"),
      options,
      current ? [current.name, current.parent] : names.slice(0, 2),
    );
    const best = manyOf(words("policies.best_of"), options, []);
    const whole = (name, most, value) => {
      const input = textInput({ type: "number", min: 2, max: most, step: 1, value, required: true });
      return { ...field(words(`policies.${name}`), input, words(`policies.${name}_help`)), most };
    };
    const count = whole("judgments", 10_000, JUDGMENTS);
    const texts = whole("best_of_texts", 64, BEST_OF);
    const judgments = count.input;
    const rule = choice(
      ["count", "sequential"].map((name) => [name, words(`policies.rule.${name}`)]),
      "count",
    );
    const effort = el("p", { class: "tm-help", role: "status" }, effortWords(words, JUDGMENTS, each));
    judgments.addEventListener("input", () => setText(effort, effortWords(words, Number(judgments.value) || 0, each)));
    const failed = el("p", { class: "tm-field-error", role: "alert" });
    const send = async () => {
      // Without a name the server takes the current policy and its parent, which is not what an empty list says.
      setText(failed, sides.chosen().length ? "" : words("policies.choose_side"));
      const bestOf = rewarded ? best.chosen() : [];
      const faulty = [bestOf.length ? texts : null, count].filter((each) => each && !each.input.validity.valid);
      for (const each of [texts, count]) {
        const about = { kind: "whole", least: 2, most: each.most };
        each.fail(faulty.includes(each) ? faultWords(this, about, {}) : "");
      }
      faulty[0]?.input.focus();
      if (!sides.chosen().length || faulty.length) return;
      try {
        this.started(
          await this.ask("/api/evaluations", {
            policies: sides.chosen(),
            best_of: bestOf,
            ...(bestOf.length ? { best_of_texts: Number(texts.input.value) } : {}),
            judgments: Number(judgments.value),
            stop_rule: rule.value,
          }),
        );
      } catch (failure) {
        if (!("status" in failure)) throw failure;
        setText(failed, failure.message);
      }
    };
    return form(
      [
        sides.element,
        rewarded ? [best.element, texts.element] : null,
        count.element,
        effort,
        field(words("policies.rule"), rule, words("policies.rule_help")).element,
        failed,
        el("div", { class: "tm-actions" }, button(words("policies.start_go"), null, { class: "tm-button tm-primary" })),
      ]
        .flat()
        .filter(Boolean),
      send,
    );
  }
}

/** How long judging takes, in words; `each` seconds are assumed where nobody judged yet. */
export function effortWords(words, judgments, each) {
  const key = each === null ? "policies.effort_assumed" : "policies.effort";
  return words(key, { n: judgments, time: duration(words, judgments * (each ?? SECONDS_ASSUMED)) });
}
