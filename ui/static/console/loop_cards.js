// The loop as a row of four: pairs, reward model, policy run, policy.

import { el, setText } from "../page/elements.js";
import { number, percent } from "../page/figures.js";

/** Below this many held-out pairs an accuracy and its interval say nothing. */
const FEWEST_DECIDED = 10;

export class LoopCards {
  constructor({ words }) {
    this.words = words;
    this.cards = Object.fromEntries(["pairs", "reward", "training", "policy"].map((name) => [name, this.card(name)]));
    const compare = el("a", { class: "tm-button tm-card-link", href: "/" }, words("console.compare"));
    this.cards.pairs.element.append(compare);
    const items = Object.values(this.cards).map(({ element }) => element);
    this.element = el(
      "section",
      { "aria-label": words("console.loop") },
      el("ol", { class: "tm-loop" }, items),
      el("p", { class: "tm-loop-back" }, words("console.loop_back")),
    );
  }

  card(name) {
    const big = el("p", { class: "tm-big" }, "–");
    const lines = el("div", { class: "tm-lines" });
    const title = el("h2", { class: "tm-label" }, this.words(`card.${name}`));
    return { big, lines, element: el("li", { class: "tm-step" }, title, big, lines) };
  }

  update({ pairs, reward, policy_run: run, policy, round }) {
    const { words } = this;
    this.fill("pairs", words("card.pairs.big", { n: pairs.ready }), [
      words("card.pairs.judged", { n: pairs.judged_total }),
      reward ? words("card.pairs.since", { n: pairs.since_reward }) : null,
      pairs.leased ? words("card.pairs.leased", { n: pairs.leased }) : null,
    ]);
    this.fill("reward", ...this.rewardLines(reward));
    this.fill("training", run ? number(run.score) : words("card.none"), [
      run ? words("card.training.reward") : words("card.training.empty"),
      run && words("card.training.kl", { kl: number(run.kl_nats, 1) }),
      run && words("card.training.length", { n: number(run.length_tokens, 0) }),
    ]);
    this.fill("policy", policy?.name ?? words("card.none"), [
      policy ? words("card.policy.round", { n: round }) : words("card.policy.empty"),
      policy?.parent && words("card.policy.parent", { name: policy.parent }),
      policy && !policy.parent && words("card.policy.start"),
    ]);
  }

  rewardLines(reward) {
    const { words } = this;
    if (!reward) return [words("card.none"), [words("card.reward.empty")]];
    if (reward.accuracy === null)
      return [
        words("card.reward.unknown"),
        [words("card.reward.no_holdout"), words("card.reward.on", { n: reward.judgments })],
      ];
    if (reward.decided < FEWEST_DECIDED) {
      const right = Number((reward.accuracy * reward.decided).toFixed(1));
      return [
        words("card.reward.too_few"),
        [words("card.reward.of", { right, n: reward.decided }), words("card.reward.on", { n: reward.judgments })],
      ];
    }
    const half = (reward.high - reward.low) / 2;
    return [
      Number.isFinite(half) ? `${percent(reward.accuracy)} ± ${number(100 * half, 0)}` : percent(reward.accuracy),
      [
        words("card.reward.right", { n: reward.decided }),
        words("card.reward.length", { share: percent(reward.length_baseline) }),
        reward.cannot_tell ? words("card.reward.cannot_tell") : null,
        reward.cannot_tell && reward.more_judgments ? words("card.reward.more", { n: reward.more_judgments }) : null,
      ],
    ];
  }

  fill(name, big, lines) {
    const card = this.cards[name];
    setText(card.big, big);
    const shown = lines.filter(Boolean);
    while (card.lines.childElementCount > shown.length) card.lines.lastElementChild.remove();
    shown.forEach((line, place) => setText(card.lines.children[place] ?? card.lines.appendChild(el("p")), line));
  }
}
