// The loop as a picture: the policy that writes, pairs, reward model, policy run, and whether the new policy is better.

import { el, setText } from "../page/elements.js";
import { number, percent } from "../page/figures.js";
import { figure, phrase, refill } from "./figures.js";

/** Below this many held-out pairs an accuracy and its interval say nothing. */
const FEWEST_DECIDED = 10;
const CARDS = ["policy", "pairs", "reward", "training", "result"];

export class LoopCards {
  constructor(tools) {
    this.tools = tools;
    this.words = tools.words;
    this.cards = Object.fromEntries(CARDS.map((name) => [name, this.card(name)]));
    const compare = el("a", { class: "tm-button tm-card-link", href: "/" }, this.words("console.compare"));
    this.cards.pairs.element.append(compare);
    const items = Object.values(this.cards).map(({ element }) => element);
    this.element = el(
      "section",
      { "aria-label": this.words("console.loop") },
      el("ol", { class: "tm-loop" }, items),
      el("p", { class: "tm-loop-back" }, this.words("console.loop_back")),
    );
  }

  card(name) {
    const big = el("p", { class: "tm-big" }, "–");
    const lines = el("div", { class: "tm-lines" });
    const title = el("h2", { class: "tm-label" }, this.words(`card.${name}`));
    return { big, lines, element: el("li", { class: "tm-step", "data-card": name }, title, big, lines) };
  }

  update({ prompts, pairs, reward, policy_run: run, policy, round, result, figures }) {
    this.figures = figures;
    this.fill("policy", this.policy(policy), [
      policy ? this.line("card.policy.round", { n: ["round", round] }) : this.words("card.policy.empty"),
      policy?.parent &&
        this.line(policy.unchanged ? "card.policy.unchanged" : "card.policy.parent", {
          name: el("span", { "data-name": policy.parent }, policy.parent),
        }),
      policy && !policy.parent && this.words("card.policy.start"),
      this.line("card.policy.prompts", {
        train: ["prompts.train", prompts.train],
        holdout: ["prompts.holdout", prompts.holdout],
      }),
    ]);
    this.fill("pairs", this.line("card.pairs.big", { n: ["pairs.ready", pairs.ready] }), [
      this.line("card.pairs.judged", { n: ["judgments.all", pairs.judged_total] }),
      this.line("card.pairs.done", { n: ["pairs.judged", pairs.judged] }),
      reward ? this.line("card.pairs.since", { n: ["judgments.new", pairs.since_reward] }) : null,
      pairs.leased ? this.line("card.pairs.leased", { n: ["pairs.leased", pairs.leased] }) : null,
    ]);
    this.fill("reward", ...this.reward(reward));
    this.fill("training", run ? [this.figure("policy_run.score", number(run.score))] : this.words("card.none"), [
      run ? this.words("card.training.reward") : this.words("card.training.empty"),
      run && this.line("card.training.kl", { kl: ["policy_run.kl_nats", number(run.kl_nats, 1)] }),
      run && this.line("card.training.length", { n: ["policy_run.length_tokens", number(run.length_tokens, 0)] }),
      run?.entropy_nats != null &&
        this.line("card.training.entropy", { n: ["policy_run.entropy_nats", number(run.entropy_nats)] }),
      run?.alarms.length ? this.words("card.training.alarms") : null,
      run && [el("a", { href: `/runs#${run.run_id}`, "data-run": run.run_id }, this.words("card.training.run"))],
    ]);
    this.fill("result", ...this.result(result));
  }

  /** The name of a policy is no number. */
  policy(policy) {
    return policy ? [el("span", { "data-name": policy.name }, policy.name)] : this.words("card.none");
  }

  reward(reward) {
    const { words } = this;
    if (!reward) return [words("card.none"), [words("card.reward.empty")]];
    const on = this.line("card.reward.on", { n: ["reward.judgments", reward.judgments] });
    if (reward.accuracy === null) return [words("card.reward.unknown"), [words("card.reward.no_holdout"), on]];
    const decided = ["reward.decided", reward.decided];
    const right = ["reward.accuracy", percent(reward.accuracy)];
    if (reward.decided < FEWEST_DECIDED)
      return [words("card.reward.too_few"), [this.line("card.reward.of", { right, n: decided }), on]];
    const half = reward.low === null || reward.high === null ? null : (reward.high - reward.low) / 2;
    const ceiling = this.figures["reward.ceiling"];
    const agreement = this.figures["people.agreement"];
    return [
      [this.figure(...right), ...(half === null ? [] : [" ± ", this.figure("reward.half", number(100 * half, 0))])],
      [
        this.line("card.reward.right", { n: decided }),
        this.line("card.reward.length", { share: ["reward.length_baseline", percent(reward.length_baseline)] }),
        ceiling ? this.line("card.reward.ceiling", { share: ["reward.ceiling", percent(ceiling.value)] }) : null,
        agreement && !ceiling
          ? this.line("card.reward.people", { share: ["people.agreement", percent(agreement.value)] })
          : null,
        reward.cannot_tell ? words(`card.reward.cannot_tell${reward.rival === "chance" ? "_chance" : ""}`) : null,
        reward.cannot_tell && reward.more_judgments
          ? this.line("card.reward.more", { n: ["reward.more", reward.more_judgments] })
          : null,
        on,
      ],
    ];
  }

  /** New against old, judged blind by people. */
  result(result) {
    const { words } = this;
    if (!result) return [words("card.none"), [words("card.result.empty")]];
    const names = this.line("card.result.names", {
      newer: el("span", { "data-name": result.newer }, result.newer),
      older: el("span", { "data-name": result.older }, result.older),
    });
    if (result.judgments === 0) return [words("card.result.cannot_tell"), [names, words("card.result.nobody")]];
    const half = (result.high - result.low) / 2;
    const share = [
      this.figure("result.share", percent(result.share)),
      " ± ",
      this.figure("result.half", number(100 * half, 0)),
    ];
    return [
      result.cannot_tell ? words("card.result.cannot_tell") : share,
      [
        names,
        this.line("card.result.of", {
          won: ["result.for_new", plainNumber(result.wins + result.ties / 2)],
          n: ["result.of", plainNumber(result.wins + result.ties + result.losses)],
        }),
        this.line("card.result.parts", {
          wins: ["result.wins", plainNumber(result.wins)],
          ties: ["result.ties", plainNumber(result.ties)],
          losses: ["result.losses", plainNumber(result.losses)],
        }),
        result.cannot_tell
          ? [words("card.result.so_far"), " ", ...share]
          : words(result.share > 0.5 ? "card.result.better" : "card.result.worse"),
        result.more_judgments ? this.line("card.result.more", { n: ["result.more", result.more_judgments] }) : null,
        result.every_look ? words("card.result.every_look") : null,
      ],
    ];
  }

  figure(name, text) {
    return figure(this.tools, name, text);
  }

  /** A sentence whose values are nodes, or [name of a figure, what it shows]. */
  line(key, values) {
    const nodes = Object.entries(values).map(([name, value]) => [
      name,
      Array.isArray(value) ? this.figure(value[0], String(value[1])) : value,
    ]);
    return phrase(this.words, key, Object.fromEntries(nodes));
  }

  fill(name, big, lines) {
    const card = this.cards[name];
    if (typeof big === "string") setText(card.big, big);
    else refill(card.big, big);
    const shown = lines.filter(Boolean);
    while (card.lines.childElementCount > shown.length) card.lines.lastElementChild.remove();
    shown.forEach((line, place) => refill(card.lines.children[place] ?? card.lines.appendChild(el("p")), line));
  }
}

/** Counts that may be broken by rankings: whole where they are. */
function plainNumber(value) {
  return String(Number(value.toFixed(2)));
}
