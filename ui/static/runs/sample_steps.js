// What the policy of a run writes as it changes: a prompt with its texts before, on the way and after.

import { el, foreignText } from "../page/elements.js";
import { number } from "../page/figures.js";
import { pager } from "../page/pager.js";
import { Remote } from "../page/remote.js";
import { functionWords } from "./words.js";

const SIZE = 3;

export class SampleSteps {
  constructor(tools) {
    Object.assign(this, tools);
    this.page = 0;
    this.remote = new Remote(
      this.words,
      () => this.ask(`/api/runs/${this.id}/samples?page=${this.page}&size=${SIZE}`),
      (answer) => this.draw(answer),
      { quiet: true },
    );
    this.element = el(
      "section",
      { class: "tm-box tm-stack", "aria-labelledby": "tm-samples" },
      el("h2", { class: "tm-box-title", id: "tm-samples" }, this.words("runs.samples")),
      el("p", { class: "tm-help" }, this.words("runs.samples_about")),
      this.remote.element,
    );
  }

  open(id) {
    Object.assign(this, { id, page: 0 });
    this.remote.clear();
    return this.remote.load();
  }

  update() {
    return this.remote.load();
  }

  draw(answer) {
    const { words } = this;
    if (answer.total === 0) return el("p", { class: "tm-empty" }, words("runs.samples_none"));
    return [
      ...answer.prompts.map(({ prompt, texts }) =>
        el(
          "section",
          { class: "tm-sample" },
          foreignText(el("h3", { class: "tm-sample-prompt" }), prompt),
          el(
            "ol",
            { class: "tm-sample-texts", tabindex: "0", "aria-label": words("runs.samples") },
            texts.map((one) => this.text(one, answer.steps)),
          ),
        ),
      ),
      pager(words, { page: this.page, size: SIZE, total: answer.total }, (page) => {
        this.page = page;
        this.remote.load();
      }),
    ];
  }

  /** What each part of the reward adds to the score. */
  partWords(parts) {
    const each = Object.entries(parts).map(([name, value]) => `${functionWords(this, name)} ${number(value)}`);
    return this.words("runs.parts_of", { parts: each.join(" · ") });
  }

  text({ step, text, cut_off: cutOff, score, parts }, steps) {
    const { words } = this;
    const when = step === 0 ? words("runs.before") : words("runs.after_steps", { n: step });
    const said = [
      typeof score === "number" ? words("runs.score", { score: number(score) }) : null,
      cutOff ? words("runs.cut_off") : null,
      step !== 0 && step === steps.at(-1) ? words("runs.latest") : null,
    ];
    return el(
      "li",
      {},
      el("p", { class: "tm-label" }, [when, ...said.filter(Boolean)].join(" · ")),
      parts ? foreignText(el("p", { class: "tm-help" }), this.partWords(parts)) : null,
      text.trim() === ""
        ? el("p", { class: "tm-empty" }, words("settings.value.empty"))
        : foreignText(el("p", { class: "tm-sample-text" }), text),
    );
  }
}
