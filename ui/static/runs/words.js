// Words that the parts of this page share: a run's name, how it stands, its readings.

import { el } from "../page/elements.js";
import { duration } from "../page/figures.js";
import { kindWords, phaseWords } from "../page/run_words.js";

/** Readings of the steps, in the order in which they are drawn: name, digits, unit. Others come behind them. */
const READINGS = [
  ["score", 2, ""],
  ["reward", 2, ""],
  ["kl_nats", 2, " nats"],
  ["length_tokens", 1, ""],
  ["entropy_nats", 2, " nats"],
  ["clip_fraction", 3, ""],
  ["approx_kl", 4, " nats"],
  ["policy_loss", 3, ""],
  ["value_loss", 3, ""],
  ["preference_loss", 3, ""],
  ["preference_accuracy", 2, ""],
  ["preference_margin_nats", 2, " nats"],
  ["chosen_shift_nats", 2, " nats"],
  ["rejected_shift_nats", 2, " nats"],
  ["imitation_loss", 3, ""],
  ["explained_variance", 2, ""],
  ["cut_off", 2, ""],
  ["empty", 2, ""],
  ["score_sd", 2, ""],
  ["beta", 3, ""],
  ["kl_k3_nats", 2, " nats"],
  ["loss", 3, ""],
  ["accuracy", 2, ""],
];

/** The readings that curves have, each [name, digits, unit]. `all`: a list of {name: points}. */
export function readingsOf(all) {
  const there = new Set(all.flatMap((curves) => Object.keys(curves).filter((name) => drawable(curves[name]))));
  const known = READINGS.filter(([name]) => there.has(name));
  const others = [...there].filter((name) => !READINGS.some(([each]) => each === name)).sort();
  return [...known, ...others.map((name) => [name, 3, ""])];
}

/** Whether there is anything to draw. */
export function drawable(points) {
  return points?.some(([, value]) => typeof value === "number") ?? false;
}

/** A reading in words. */
export function readingWords(tools, name) {
  const { words, has } = tools;
  for (const key of [`curve.${name}`, `runs.curve.${name}`]) if (has(key)) return words(key);
  const [lead, ...rest] = name.split(".");
  if (rest.length && has(`runs.curve_of.${lead}`)) {
    return words(`runs.curve_of.${lead}`, { name: functionWords(tools, rest.join(".")) });
  }
  return name;
}

/** A part of the reward by its name: a function that stands there again has a number behind it, one's own its file. */
export function functionWords({ words, has }, name) {
  const [, plain, number] = /^(.*?)(-\d+)?$/.exec(name);
  const key = `function.${plain}`;
  return has(key) ? `${words(key)}${number?.replace("-", " ") ?? ""}` : name;
}

/** A run by its kind and number. */
export function runWords(tools, { kind, id }) {
  return `${kindWords(tools, kind)} · ${id}`;
}

/** A run as a link to its own view. */
export function runLink(tools, run) {
  return el("a", { href: `#${run.id}`, class: "tm-inline-link", "data-focus": `run-${run.id}` }, runWords(tools, run));
}

/** How a run stands, as a chip. */
export function statusChip({ words }, status) {
  return el("span", { class: "tm-chip", "data-status": status }, words(`status_of.${status}`));
}

/** What a run does now, how far it is, and how long it still takes. */
export function progressWords(tools, run) {
  const { words } = tools;
  if (run.cancelling) return words("active.cancelling");
  if (run.status === "queued") return words("active.queued");
  const { phase, step, steps, seconds_left: left } = run.progress;
  return [
    phaseWords(tools, phase) || words("active.starting"),
    steps > 0 ? words("active.steps", { step, steps }) : null,
    typeof left === "number" ? words("active.left", { time: duration(words, left) }) : null,
  ]
    .filter(Boolean)
    .join(" · ");
}

/** What a run made, in words, or nothing. */
export function madeWords({ words }, published) {
  if (!published) return "";
  const [[kind, name]] = Object.entries(published);
  return words(`runs.made.${kind}`, { name });
}

/** Bytes, given in units of 10^9, as people read them. */
export function gigabytes(value) {
  return value < 1 ? `${Math.max(1, Math.round(value * 1000))} MB` : `${value.toFixed(1)} GB`;
}

export function isActive(run) {
  return run.status === "queued" || run.status === "running";
}
