// One blind evaluation: how far it is while it is sealed, and what came out.

import { asOf } from "../page/as_of.js";
import { askBack } from "../page/dialog.js";
import { el } from "../page/elements.js";
import { button } from "../page/fields.js";
import { momentWords } from "../page/moments.js";
import { Remote } from "../page/remote.js";
import { Regressions } from "./regressions.js";
import { resultView } from "./result.js";
import { sideWords } from "./sides.js";

const LOOK_AGAIN_MILLISECONDS = 5000;
const RUNNING = ["queued", "running"];

/** What an evaluation is doing, in a few words. */
export function stateWords(words, one) {
  if (!one.sealed) return words(`policies.ended.${one.why}`, { judged: one.judged, wanted: one.wanted });
  if (RUNNING.includes(one.run.status) && one.made === 0) return words("policies.state.sampling");
  if (one.made === 0) return words("policies.state.failed");
  return words(one.left === 0 ? "policies.state.held_back" : "policies.state.sealed");
}

export class OneEvaluation {
  constructor(tools) {
    Object.assign(this, tools);
    this.remote = new Remote(
      this.words,
      () => {
        this.lookAgain();
        return this.ask(`/api/evaluations/${encodeURIComponent(this.id)}`);
      },
      (answer) => this.draw(answer),
      { quiet: true },
    );
    this.element = el(
      "div",
      { class: "tm-listed", hidden: true },
      el("p", {}, el("a", { class: "tm-inline-link", href: "#evaluations" }, this.words("policies.to_list"))),
      this.remote.element,
    );
  }

  open(id) {
    if (id !== this.id) this.remote.clear(); // nothing of another one stays
    if (id !== this.id) this.changes = false;
    this.id = id;
    return this.remote.load();
  }

  draw(one) {
    const { words } = this;
    this.changes = one.sealed || Boolean(one.computing);
    const names = one.sides.map((side) => sideWords(words, side));
    const head = [
      el(
        "h2",
        { class: "tm-box-title" },
        words("policies.evaluation", { id: one.id }),
        el("span", { class: "tm-badge" }, stateWords(words, one)),
      ),
      el("p", {}, el("bdi", {}, names.join(" · "))),
      el("p", { class: "tm-help" }, this.startedWords(one)),
    ];
    return one.sealed ? [...head, ...this.sealed(one)] : [...head, ...this.ended(one, names)];
  }

  startedWords(one) {
    const { words, language } = this;
    const rule = words(`policies.rule_short.${one.stop_rule}`, {
      wanted: one.wanted,
      error: Math.round(100 * one.error),
    });
    return words("policies.started", { by: one.started_by ?? "–", at: momentWords(one.created_at, language), rule });
  }

  sealed(one) {
    const { words } = this;
    const nodes = [
      el("p", { class: "tm-big" }, words("policies.judged", { judged: one.judged, wanted: one.wanted })),
      el("progress", {
        class: "tm-progress",
        max: String(one.wanted),
        value: String(one.judged),
        "aria-label": words("policies.column.judged"),
      }),
      el("p", {}, words("policies.sealed_means")),
    ];
    const waiting = RUNNING.includes(one.run.status) && one.made === 0;
    if (waiting) nodes.push(el("p", {}, words("policies.sampling_means"), " ", this.runLink(one.run)));
    else if (one.made === 0)
      nodes.push(
        el(
          "p",
          { class: "tm-field-error" },
          words("policies.failed_means", { error: one.run.error ?? one.run.status }),
          " ",
          this.runLink(one.run),
        ),
      );
    else if (one.left > 0)
      nodes.push(
        el(
          "p",
          {},
          el("a", { class: "tm-inline-link", href: "/" }, words("policies.judge_here")),
          ` ${words("policies.left", { n: one.left, skipped: one.skipped })}`,
        ),
      );
    if (one.held_back > 0) nodes.push(el("p", {}, words("policies.held_back_means", { n: one.held_back })));
    nodes.push(el("div", { class: "tm-actions" }, this.lookEarly(one)));
    return nodes;
  }

  runLink(run) {
    return el("a", { class: "tm-inline-link", href: `/runs#${run.id}` }, this.words("policies.run", { id: run.id }));
  }

  /** Others judge meanwhile: the number goes up by itself while it is looked at, also after an answer that failed. */
  lookAgain() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.changes || !this.alive() || !this.remote.element.checkVisibility?.()) return;
      if (document.querySelector("dialog[open]")) this.lookAgain();
      else this.remote.load();
    }, LOOK_AGAIN_MILLISECONDS);
  }

  lookEarly(one) {
    const { words } = this;
    const look = async () => {
      const done = await askBack(words, this.root, {
        title: words("policies.early.title"),
        lines: [
          words("policies.early.means", { judged: one.judged, wanted: one.wanted }),
          words("policies.early.for_good"),
        ],
        confirm: words("policies.early"),
        act: () => this.ask(`/api/evaluations/${one.id}/unseal`, {}),
        danger: true,
      });
      if (done) await this.remote.load();
    };
    return button(words("policies.early"), look, { class: "tm-button tm-danger", "data-focus": "early" });
  }

  ended(one, names) {
    const { words, language } = this;
    const nodes = [];
    if (one.why === "early" && one.judged > 0)
      nodes.push(
        el(
          "p",
          { class: "tm-notice" },
          words("policies.early_notice", { judged: one.judged, wanted: one.wanted, by: one.unsealed_by ?? "–" }),
        ),
      );
    if (one.why === "exhausted") {
      const known = { planned: one.planned ?? "–", equal: one.equal ?? "–", skipped: one.skipped, judged: one.judged };
      nodes.push(el("p", { class: "tm-notice" }, words("policies.exhausted_notice", known)));
    }
    const note = asOf(words, one, language, () => this.remote.load());
    if (one.result === null) return [...nodes, note];
    if (one.result.judgments === 0)
      return [...nodes, el("p", { class: "tm-empty" }, words("policies.nothing_judged")), note];
    return [...nodes, ...resultView(this, one.result, names), new Regressions(this, one, names).element, note];
  }
}
