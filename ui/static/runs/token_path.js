// A rollout of a policy's training as a path through states, token by token: what each was thought to be worth.

import { el, foreignText } from "../page/elements.js";
import { choice, field } from "../page/fields.js";
import { number } from "../page/figures.js";
import { pager } from "../page/pager.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";

/** What is known of a token, where the algorithm has it; the first that is there colours the text. */
const FIGURES = ["advantage", "value", "reward", "shaping", "kl", "log_prob", "reference_log_prob", "entropy"];
const DIGITS = 3;

export class TokenPath {
  constructor(tools) {
    Object.assign(this, tools);
    this.tools = tools;
    this.remote = new Remote(
      this.words,
      () => this.ask(`/api/runs/${this.id}/tokens?size=1&page=${this.page}${this.step && `&step=${this.step}`}`),
      (answer) => this.draw(answer),
      { quiet: true },
    );
    this.element = el(
      "section",
      { class: "tm-box tm-stack", "aria-labelledby": "tm-token-path" },
      el("h2", { class: "tm-box-title", id: "tm-token-path" }, this.words("runs.tokens")),
      el("p", { class: "tm-help" }, this.words("runs.tokens_about")),
      this.remote.element,
    );
  }

  open(id) {
    Object.assign(this, { id, page: 0, step: "", by: null, there: false });
    this.remote.clear();
    return this.remote.load();
  }

  /** While a run is at work new rollouts come; one that is looked at stays as it is. */
  update() {
    if (!this.there) this.remote.load();
  }

  go(change) {
    Object.assign(this, change);
    this.remote.load();
  }

  draw({ total, steps, rollouts: [rollout] }) {
    const { words } = this;
    this.there = total > 0;
    if (!rollout) return el("p", { class: "tm-empty" }, words("runs.tokens_none"));
    const figures = FIGURES.filter((name) => name in rollout.figures);
    if (!figures.includes(this.by)) [this.by] = figures;
    const path = new Path(this.tools, rollout, figures, this.by);
    return [
      el("div", { class: "tm-filters" }, this.steps(steps), this.readings(figures, path)),
      el("p", { class: "tm-label" }, this.about(rollout)),
      foreignText(el("p", { class: "tm-sample-prompt" }), rollout.prompt),
      path.element,
      path.numbers(),
      pager(words, { page: this.page, size: 1, total }, (page) => this.go({ page })),
    ];
  }

  steps(steps) {
    const { words } = this;
    const options = steps.map((step) => [String(step), words("runs.tokens.of_step", { n: step })]);
    const all = [["", words("runs.tokens.all_steps")], ...options];
    const input = choice(all, this.step, {
      "data-focus": "tokens-step",
      onchange: () => this.go({ step: input.value, page: 0 }),
    });
    return field(words("runs.tokens.step"), input).element;
  }

  readings(figures, path) {
    const options = figures.map((name) => [name, this.words(`runs.token.${name}`)]);
    const input = choice(options, this.by, { "data-focus": "tokens-by", onchange: () => path.colour(input.value) });
    input.addEventListener("change", () => (this.by = input.value));
    return field(this.words("runs.tokens.by"), input).element;
  }

  /** Of which step, what it scored, and how it ended. */
  about({ step, score, rewarded, finished, length, tokens }) {
    const { words } = this;
    const counted = typeof rewarded === "number" && Math.abs(rewarded - score) > 0.0005;
    return [
      words("runs.tokens.of_step", { n: step }),
      typeof score === "number" ? words("runs.score", { score: number(score) }) : null,
      counted ? words("runs.tokens.rewarded", { score: number(rewarded) }) : null,
      finished ? null : words("runs.cut_off"),
      tokens.length < length ? words("runs.tokens.first", { n: tokens.length, length }) : null,
    ]
      .filter(Boolean)
      .join(" · ");
  }
}

/** The tokens in a row; the arrows go from one to the next, and what is known of it stands below. */
class Path {
  constructor(tools, rollout, figures, by) {
    Object.assign(this, { tools, words: tools.words, rollout, figures, at: 0 });
    this.tokens = rollout.tokens.map((text, place) =>
      foreignText(
        el("span", {
          class: "tm-token",
          id: `tm-token-${place}`,
          role: "option",
          "aria-selected": "false",
          onclick: () => this.look(place),
        }),
        shownToken(text),
      ),
    );
    this.list = el(
      "div",
      {
        class: "tm-token-list",
        role: "listbox",
        tabindex: "0",
        dir: "auto",
        "aria-label": this.words("runs.tokens"),
        "aria-orientation": "horizontal",
        "data-focus": "tokens",
        onkeydown: (event) => this.key(event),
      },
      this.tokens,
    );
    this.values = Object.fromEntries(figures.map((name) => [name, el("dd")]));
    this.which = el("p", { class: "tm-label", "aria-live": "polite" });
    const facts = figures.map((name) =>
      el("div", {}, el("dt", {}, this.words(`runs.token.${name}`)), this.values[name]),
    );
    this.element = el(
      "div",
      { class: "tm-stack" },
      this.list,
      this.which,
      el("dl", { class: "tm-facts tm-token-facts" }, facts),
    );
    this.colour(by);
    this.look(0);
  }

  /** Stronger the further from zero; above and below it are two colours. */
  colour(name) {
    const values = this.rollout.figures[name] ?? [];
    const most = Math.max(...values.map((value) => Math.abs(value ?? 0)), 1e-9);
    this.tokens.forEach((token, place) => {
      const value = values[place] ?? 0;
      token.dataset.sign = value < 0 ? "below" : "above";
      token.style.setProperty("--tm-share", `${Math.round((100 * Math.abs(value)) / most)}%`);
    });
  }

  look(place) {
    this.tokens[this.at]?.setAttribute("aria-selected", "false");
    const token = this.tokens[place];
    if (!token) return;
    this.at = place;
    token.setAttribute("aria-selected", "true");
    this.list.setAttribute("aria-activedescendant", token.id);
    foreignText(this.which, this.words("runs.tokens.state", { n: place, token: token.textContent }));
    for (const [name, shown] of Object.entries(this.values)) shown.textContent = this.value(name, place);
  }

  key(event) {
    const to = { ArrowRight: this.at + 1, ArrowLeft: this.at - 1, Home: 0, End: this.tokens.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.look(Math.min(Math.max(to, 0), this.tokens.length - 1));
  }

  value(name, place) {
    return number(this.rollout.figures[name][place], DIGITS);
  }

  numbers() {
    const { words, figures, rollout } = this;
    const columns = [
      [words("runs.tokens.place"), true],
      [words("runs.tokens.token"), false],
      ...figures.map((name) => [words(`runs.token.${name}`), true]),
    ];
    const title = words("runs.numbers", { title: words("runs.tokens") });
    const rows = rollout.tokens.map((text, place) => [
      String(place),
      foreignText(el("span"), shownToken(text)),
      ...figures.map((name) => this.value(name, place)),
    ]);
    return el("details", { class: "tm-numbers" }, el("summary", {}, title), table(title, columns, rows));
  }
}

/** A token as it can be seen: the end of a line is one as well. */
function shownToken(text) {
  return text.replace(/\n/g, "↵\n") || "∅";
}
