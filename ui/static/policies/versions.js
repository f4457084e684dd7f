// The versions as a tree in a table: what made each, its automatic figures, making one current, exporting one.

import { askBack } from "../page/dialog.js";
import { el } from "../page/elements.js";
import { button } from "../page/fields.js";
import { number, percent, signed } from "../page/figures.js";
import { momentWords } from "../page/moments.js";
import { pager } from "../page/pager.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";
import { exportButton } from "./export_button.js";
import { Exports } from "./exports.js";

const SIZE = 25;
const DEEPEST = 8;
const GATE = "tastemaker run STUDY evaluate --wait --fail-below 0.5";
/** Automatic figures in the order of their columns: name, how it is written. */
const FIGURES = [
  ["mean_reward", number],
  ["best_of_reward", number],
  ["kl_nats", number],
  ["mean_tokens", (value) => number(value, 1)],
  ["cut_off", percent],
  ["distinct_2", number],
  ["repetition", percent],
  ["perplexity", (value) => number(value, 1)],
];

export class Versions {
  constructor(tools) {
    Object.assign(this, tools);
    this.page = 0;
    this.list = new Remote(
      this.words,
      () => this.ask(`/api/policies?page=${this.page}&size=${SIZE}`),
      (answer) => this.draw(answer),
    );
    this.exports = new Exports(tools);
    this.element = el("div", { class: "tm-listed" }, this.list.element, this.exports.element, this.gate());
  }

  open() {
    return Promise.all([this.list.load(), this.exports.open()]);
  }

  draw(answer) {
    const { words } = this;
    this.exports.offer(answer.rewarded);
    if (answer.total === 0) return el("p", { class: "tm-empty" }, words("policies.none"));
    return [
      el("p", { class: "tm-help" }, words("policies.about")),
      this.tree(answer.policies, answer.base_on_hub),
      el("h2", { class: "tm-box-title" }, words("policies.figures")),
      this.figures(answer.policies),
      pager(words, { page: this.page, size: SIZE, total: answer.total }, (page) => this.go(page)),
      answer.total === 1 ? el("p", { class: "tm-empty" }, words("policies.only_base")) : null,
    ];
  }

  go(page) {
    this.page = page;
    this.list.load();
  }

  tree(policies, onHub) {
    const { words, language } = this;
    const columns = ["name", "parent", "run", "reward", "judgments", "made", "use", "export"];
    const row = (policy) => [
      this.name(policy),
      el("span", { dir: "auto" }, policy.parent ?? "–"),
      policy.run === null ? "–" : el("a", { class: "tm-inline-link", href: `/runs#${policy.run}` }, String(policy.run)),
      el("span", { dir: "auto" }, policy.reward_model ?? "–"),
      policy.judgments === null ? "–" : String(policy.judgments),
      momentWords(policy.created_at, language),
      policy.current ? words("policies.writes") : this.use(policy),
      policy.run === null ? "–" : exportButton(this, policy.name, onHub),
    ];
    return table(
      words("policies.tab.versions"),
      columns.map((name) => [words(`policies.column.${name}`), name === "judgments"]),
      policies.map(row),
    );
  }

  /** The name, set in by how many parents it has. */
  name({ name, depth, current }) {
    const node = el(
      "span",
      { class: "tm-policy-name" },
      depth > 0 ? el("span", { "aria-hidden": "true" }, "└ ") : null,
      el("bdi", {}, name),
      current ? el("span", { class: "tm-badge" }, this.words("policies.current")) : null,
    );
    node.style.setProperty("--tm-depth", String(Math.min(depth, DEEPEST)));
    return node;
  }

  use({ name }) {
    const { words } = this;
    const ask = async () => {
      const done = await askBack(words, this.root, {
        title: words("policies.use.title", { name }),
        lines: [words("policies.use.means"), words("policies.use.undo")],
        confirm: words("policies.use"),
        act: () => this.ask("/api/policies/use", { policy: name }),
      });
      if (done) await this.list.load();
    };
    const label = words("policies.use.title", { name });
    return button(words("policies.use"), ask, {
      class: "tm-button tm-slim",
      "aria-label": label,
      "data-focus": `use-${name}`,
    });
  }

  figures(policies) {
    const { words, language } = this;
    const measured = policies.filter(({ figures }) => figures !== null);
    if (measured.length === 0)
      return el(
        "p",
        { class: "tm-empty" },
        words("policies.no_figures"),
        " ",
        el("a", { class: "tm-inline-link", href: "/runs#new/evaluate" }, words("policies.measure")),
      );
    const parts = ["words", "content", "length"].map((part) => `reward_${part}`);
    const columns = [
      [words("policies.column.name"), false],
      ...FIGURES.map(([name]) => [words(`policies.figure.${name}`), true]),
      ...parts.map((name) => [words(`policies.figure.${name}`), true]),
      [words("policies.column.of"), false],
    ];
    const row = ({ name, parent, figures }) => {
      const before = policies.find((one) => one.name === parent)?.figures;
      const since = (part) => (before && same(before, figures) ? signed(figures[part] - before[part]) : "–");
      return [
        el("bdi", {}, name),
        ...FIGURES.map(([key, write]) => write(figures[key])),
        ...parts.map(since),
        words("policies.of_run", {
          run: figures.run,
          prompts: figures.prompts ?? "–",
          at: momentWords(figures.as_of, language),
        }),
      ];
    };
    return el(
      "div",
      {},
      table(words("policies.figures"), columns, measured.map(row)),
      el("p", { class: "tm-help" }, words("policies.figures_help", { n: measured[0].figures.best_of ?? "n" })),
    );
  }

  gate() {
    const { words } = this;
    return el(
      "section",
      { class: "tm-box" },
      el("h2", { class: "tm-box-title" }, words("policies.gate")),
      el("p", {}, words("policies.gate_about")),
      el("pre", { class: "tm-command", tabindex: "0" }, GATE),
    );
  }
}

/** Parts of the reward say something only between policies whose texts on the same prompts one reward model scored. */
function same(before, after) {
  if (before.reward_model === null || before.reward_model !== after.reward_model) return false;
  return before.run === after.run || (before.drawn !== null && before.drawn === after.drawn);
}
