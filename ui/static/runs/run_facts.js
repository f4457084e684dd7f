// What is known of a run besides its curves: when, how long, of what it is made, its settings, command and file.

import { el, foreignText } from "../page/elements.js";
import { button } from "../page/fields.js";
import { duration, moment, number } from "../page/figures.js";
import { labelOf, valueWords } from "../page/setting_words.js";
import { madeWords, runLink, statusChip } from "./words.js";

/** Moments, attempts, relatives. */
export function runFacts(tools, run) {
  const { words } = tools;
  const links = (runs) =>
    runs.length === 0 ? null : runs.flatMap((one) => [runLink(tools, one), " ", statusChip(tools, one.status), " "]);
  const one = (id) => (id === null ? null : el("a", { href: `#${id}`, class: "tm-inline-link" }, String(id)));
  const facts = [
    ["asked", moment(run.created_at)],
    ["started", run.started_at && moment(run.started_at)],
    ["ended", run.ended_at && moment(run.ended_at)],
    ["took", run.seconds === null ? null : duration(words, run.seconds)],
    ["predicted", predictedWords(words, run.predicted)],
    ["against", againstWords(words, run)],
    ["made", madeWords(tools, run.published)],
    ["unchanged", isUnchanged(run.result ?? {}) ? words("runs.unchanged", { name: run.result.parent }) : null],
    ["stays_current", staysWords(words, run.result ?? {})],
    ["attempt", run.attempt > 1 ? words("runs.attempts", { n: run.attempt, most: run.max_attempts }) : null],
    ["memory", memoryWords(run.progress.peak_memory_gb)],
    ["gpu_memory", memoryWords(run.progress.peak_gpu_memory_gb)],
    ["choosing", choosingWords(tools, run.result?.metrics?.choosing)],
    ["needs", links(run.needs)],
    ["needed_by", links(run.needed_by)],
    ["retries", one(run.retries)],
    ["resumed_from", one(run.resumed_from)],
    ["retried_by", links(run.retried_by)],
  ].filter(([, value]) => value);
  return el(
    "dl",
    { class: "tm-facts" },
    facts.map(([name, value]) => el("div", {}, el("dt", {}, words(`runs.fact.${name}`)), el("dd", {}, value))),
  );
}

/** Which policy was left current: a person chose it while the run was at work, or the new one is no other than its start. */
function staysWords(words, result) {
  const name = result.stays_current;
  if (!name) return null;
  return words(isUnchanged(result) ? "runs.stays_unchanged" : "runs.stays_current", { name });
}

/** Whether a policy run made no other policy than it started from; runs of a version before tell the steps alone. */
function isUnchanged({ unchanged, kept_steps: kept }) {
  return unchanged ?? kept === 0;
}

/** The time and memory that a run was expected to take when it began. */
function predictedWords(words, predicted) {
  if (!predicted) return null;
  const { seconds, seconds_low: low, seconds_high: high, memory_gb: memory } = predicted;
  const [time, least, most] = [seconds, low, high].map((value) => duration(words, value));
  const takes = words("runs.takes", { time, low: least, high: most });
  return memory ? words("runs.predicted_with_memory", { time: takes, memory: memoryWords(memory) }) : takes;
}

/** By how much a run that ended well took more or less than was expected. */
function againstWords(words, { status, seconds, progress, predicted }) {
  if (status !== "succeeded" || !predicted) return null;
  const percent = (actual, expected) =>
    `${actual < expected ? "−" : "+"}${number(100 * Math.abs(actual / expected - 1), 0)} %`;
  const memory = progress.peak_gpu_memory_gb ?? progress.peak_memory_gb;
  return [
    predicted.seconds && words("runs.against_time", { percent: percent(seconds, predicted.seconds) }),
    predicted.memory_gb && memory && words("runs.against_memory", { percent: percent(memory, predicted.memory_gb) }),
  ]
    .filter(Boolean)
    .join(" · ");
}

function memoryWords(gigabytes) {
  return gigabytes ? `${gigabytes.toFixed(1)} GB` : null;
}

/** Versions, processor, threads and device that a run began on; nothing before it began. */
export function runEnvironment(tools, run) {
  const { words, has } = tools;
  const label = (name) => (has(`runs.environment.${name}`) ? words(`runs.environment.${name}`) : name);
  const rows = Object.entries(run.environment).map(([name, value]) =>
    el("div", {}, el("dt", {}, label(name)), foreignText(el("dd"), valueWords(tools, value))),
  );
  if (rows.length === 0) return null;
  return el(
    "details",
    { class: "tm-box" },
    el("summary", {}, el("span", { class: "tm-box-title" }, words("runs.environment"))),
    el("p", { class: "tm-help" }, words("runs.environment_about")),
    el("dl", { class: "tm-facts" }, rows),
  );
}

/** Whether pairs chosen by rule taught this reward more than random ones, as far as can be told. */
function choosingWords({ words }, found) {
  if (!found) return null;
  const { rule, judgments, pairs, chosen, random, low, high } = found;
  const which = low > 0 ? "better" : high < 0 ? "worse" : "open";
  return words(`runs.choosing.${which}`, {
    rule: words(`runs.set.option.${rule}`),
    chosen: number(100 * chosen, 0),
    random: number(100 * random, 0),
    low: number(100 * low, 0),
    high: number(100 * high, 0),
    n: judgments,
    pairs,
  });
}

/** Settings by name, the command that asks for the same, and the file. */
export function runSettings(tools, run) {
  const { words } = tools;
  const rows = flat(run.config).map(([name, value]) =>
    el("div", {}, el("dt", {}, labelOf(tools, name)), foreignText(el("dd"), valueWords(tools, value))),
  );
  return el(
    "section",
    { class: "tm-box tm-stack", "aria-labelledby": "tm-run-settings" },
    el("h2", { class: "tm-box-title", id: "tm-run-settings" }, words("runs.settings")),
    run.command ? commandLine(tools, run.command) : null,
    el(
      "p",
      {},
      el(
        "a",
        { class: "tm-inline-link", href: `/api/runs/${run.id}/config.toml`, download: `run-${run.id}.toml` },
        words("runs.file_of"),
      ),
    ),
    el(
      "details",
      {},
      el("summary", {}, words("runs.all_settings", { n: rows.length })),
      el("dl", { class: "tm-facts" }, rows),
    ),
  );
}

/** A command to be copied. */
export function commandLine({ words }, command) {
  const code = foreignText(el("code", { class: "tm-command", tabindex: "0" }), command);
  const copy = button(words("runs.copy"), () => copied(), { class: "tm-button tm-slim" });
  const copied = async () => {
    try {
      await navigator.clipboard.writeText(command);
      copy.textContent = words("runs.copied");
    } catch {
      getSelection().selectAllChildren(code); // no clipboard for this address: it is marked, to be copied by hand
    }
  };
  return el(
    "div",
    { class: "tm-command-line" },
    code,
    copy,
    el("p", { class: "tm-help" }, words("runs.command_about")),
  );
}

/** Settings within settings as [dotted name, value]. */
export function flat(settings, lead = "") {
  return Object.entries(settings).flatMap(([name, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? flat(value, `${lead}${name}.`)
      : [[`${lead}${name}`, value]],
  );
}
