// Sides of an evaluation in words, and what people said of two of them.

import { number, percent } from "../page/figures.js";

/** A side: a policy, or the best of n texts of it. */
export function sideWords(words, { policy, best_of }) {
  return best_of > 1 ? words("policies.best_of_side", { n: best_of, policy }) : policy;
}

/** Counts that may be broken numbers (a pair of a ranking weighs 2 / K). */
export function count(value) {
  return Number.isInteger(value) ? String(value) : number(value, 1);
}

/** "7 of 10" with ties as half, from the newer one's side. */
export function wonWords(words, { wins, ties, losses }) {
  return words("policies.won", { won: count(wins + ties / 2), n: count(wins + ties + losses) });
}

/** A share with its interval, or a dash. */
export function shareWords({ share, low, high }) {
  return share === null ? "–" : `${percent(share)} (${percent(low)} – ${percent(high)})`;
}

/** Whether two sides can be told apart, and about how many more judgments it would take. */
export function verdictWords(words, pair, older, newer) {
  if (pair.share === null) return words("policies.verdict.nothing");
  if (pair.cannot_tell) {
    if (pair.more_judgments) return words("policies.verdict.more", { n: pair.more_judgments });
    return words("policies.verdict.cannot_tell");
  }
  return pair.share > 0.5
    ? words("policies.verdict.better", { better: newer, worse: older })
    : words("policies.verdict.better", { better: older, worse: newer });
}

/** A strength with its interval. */
export function strengthWords({ value, low, high }) {
  const sign = value > 0 ? "+" : "";
  return `${sign}${number(value)} (${number(low)} – ${number(high)})`.replace(/-/g, "−");
}
