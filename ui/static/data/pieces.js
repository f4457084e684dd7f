// Small pieces that the tables share: links from row to row, facts, comparisons, verdicts in words.

import { SKIP_REASONS } from "../compare/verdict.js";
import { el, foreignText } from "../page/elements.js";
import { table } from "../page/table.js";

/** A link to something of the study by its id; on this page, a hash alone would lead to Gradio's base, another page. */
export function link(to, text, attributes = {}) {
  const href = to.startsWith("#") ? `${location.pathname}${to}` : to;
  return el("a", { class: "tm-inline-link", href, ...attributes }, text);
}

/** A link whose text somebody else wrote, cut to a line or two. */
export function textLink(words, href, text) {
  const shown = text.trim() === "" ? words("views.empty") : text;
  return foreignText(link(href, "", { class: "tm-inline-link tm-data-text" }), shown);
}

/** Somebody else's short text in a cell; a dash where there is none. */
export function foreign(text) {
  return text === null || text === "" ? "–" : foreignText(el("span", { class: "tm-data-short" }), text);
}

/** Several short texts of somebody else as tags. */
export function tags(texts) {
  return texts.length ? texts.map((text) => foreignText(el("span", { class: "tm-tag" }), text)) : "–";
}

/** Names and values beside each other; a value is a node or text. */
export function facts(pairs) {
  return el(
    "dl",
    { class: "tm-figures-of" },
    pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

/** Whether something stands or went with an import that was undone, as a fact. */
export function standsFact(words, one) {
  return [words("data.state_of"), words(one.taken_back ? "data.taken_back" : "data.stands")];
}

/** The comparisons of a prompt or a completion, each leading to the judgments on it. */
export function comparisonTable(words, comparisons, more = false) {
  if (comparisons.length === 0) return el("p", { class: "tm-empty" }, words("data.no_comparisons"));
  const columns = ["comparison", "purpose", "round", "answers"].map((name, place) => [
    words(`data.column.${name}`),
    place > 1,
  ]);
  const rows = comparisons.map((one) => [
    link(`#judgments?comparison=${one.id}`, words("data.comparison", { id: one.id })),
    words(`data.purpose.${one.purpose}`),
    one.round === null ? "–" : String(one.round),
    words("data.answers_of", { answers: one.answers, overlap: one.overlap }),
  ]);
  return el(
    "section",
    {},
    el("h3", { class: "tm-label" }, words("data.comparisons")),
    table(words("data.comparisons"), columns, rows),
    more ? el("p", { class: "tm-help" }, words("data.more_comparisons")) : null,
  );
}

/** What a judgment says, in words. */
export function verdictWords(words, { verdict, ranks, strength, skipped }) {
  if (verdict === "skipped") {
    // Where it came with an import the reason may be any text.
    const why = SKIP_REASONS.includes(skipped) ? words(`compare.skip.${skipped}`) : skipped;
    return words("data.verdict.skipped_why", { why });
  }
  if (verdict !== "decided") return words(`data.verdict.${verdict}`);
  if (ranks.length > 2) return words("data.verdict.ranking", { ranks: ranks.join(", ") });
  const better = words("data.verdict.prefers", { n: ranks[0] < ranks[1] ? 1 : 2 });
  return strength === null ? better : `${better} (${words(`data.strength.${strength}`)})`;
}

/** In which order the completions stood on the screen. */
export function sideWords(words, { shown }) {
  if (shown === null) return "–";
  return shown.map((place) => place + 1).join(", ");
}
