// The reward over how far a policy went, over the root of the KL: on the prompts that it is trained on, and on held-out
// ones, less what the reward is not sure of and the penalty for truncation. Over-optimisation shows as the first rising
// while the second falls (Gao, Schulman, Hilton 2022, arXiv 2210.10760).

import { el } from "../page/elements.js";
import { legend, plot } from "../page/chart.js";
import { readingWords, runWords } from "./words.js";

const PROXY = "score";
const CAUTIOUS = "held_out";

/** A reading as [[√KL, value], ...] in the order of the steps that have both. An estimate of KL below 0 counts as 0. */
export function overRootKl(curves, name) {
  const kl = new Map(curves.kl_nats ?? []);
  return (curves[name] ?? [])
    .map(([step, value]) => [kl.get(step), value])
    .filter((pair) => pair.every((one) => typeof one === "number"))
    .map(([nats, value]) => [Math.sqrt(Math.max(nats, 0)), value]);
}

/** Both rewards of one run in one figure; null where it has not both. */
export function rewardsOverKl(tools, curves) {
  const series = [PROXY, CAUTIOUS].map((name) => ({
    name: readingWords(tools, name),
    points: overRootKl(curves, name),
  }));
  if (series.some(({ points }) => points.length === 0)) return null;
  const title = tools.words("runs.over_kl");
  return el(
    "div",
    {},
    plot(title, series),
    legend(
      title,
      series.map(({ name }) => el("span", {}, name)),
    ),
  );
}

/** A figure for each of the two rewards with a line a run, in the order of their legend; those that no run has are left
 * out. */
export function runsOverKl(tools, runs) {
  return [PROXY, CAUTIOUS]
    .map((name) => ({
      title: tools.words("runs.one_over_kl", { reading: readingWords(tools, name) }),
      series: runs.map((run) => ({ name: runWords(tools, run), points: overRootKl(run.curves, name) })),
    }))
    .filter(({ series }) => series.some(({ points }) => points.length > 0))
    .map(({ title, series }) => el("div", {}, plot(title, series)));
}
