// The table of completions, and one completion with what belongs to it. Of a sealed one nothing tells the policy.

import { el } from "../page/elements.js";
import { momentWords } from "../page/moments.js";
import { pairView } from "../people/pair.js";
import { choiceField, policyField, splitField, standsField } from "./filter_fields.js";
import { comparisonTable, facts, foreign, link, standsFact, textLink } from "./pieces.js";

export function completionTable({ words, language }) {
  const sealedOr = (row, value) => (row.sealed ? el("span", { class: "tm-tag" }, words("data.sealed")) : value);
  const policy = (row) => sealedOr(row, foreign(row.policy));
  const run = (row) => (row.run_id === null ? "–" : link(`/runs#${row.run_id}`, words("data.run", { id: row.run_id })));
  const cut = (row) => (row.cut_off === null ? "–" : words(row.cut_off ? "data.yes" : "data.no"));
  return {
    name: "completions",
    about: words("data.completions.about"),
    empty: words("data.completions.none"),
    links: ["prompt", "run"],
    fields: (choices) => [
      { key: "search", label: words("data.search"), help: words("data.search_completions") },
      policyField(words, choices),
      splitField(words, choices),
      choiceField(words, "cut_off", "data.column.cut_off", [
        ["true", words("data.yes")],
        ["false", words("data.no")],
      ]),
      standsField(words),
    ],
    columns: [
      [words("data.column.completion"), false],
      [words("data.column.policy"), false],
      [words("data.column.prompt"), false],
      [words("data.column.tokens"), true],
      [words("data.column.cut_off"), false],
      [words("data.column.run"), false],
      [words("data.column.comparisons"), true],
    ],
    cells: (row) => [
      textLink(words, `#completions/${row.id}`, row.text),
      policy(row),
      textLink(words, `#prompts/${row.prompt_id}`, row.prompt),
      row.tokens === null ? "–" : String(row.tokens),
      cut(row),
      sealedOr(row, run(row)),
      link(`#judgments?completion=${row.id}`, String(row.comparisons)),
    ],
    detail: (one) => [
      pairView(words, { prompt: [], completions: [{ ...one, cut_off: one.cut_off === true }] }),
      one.sealed ? el("p", { class: "tm-help" }, words("data.sealed_help")) : null,
      facts([
        [words("data.column.policy"), policy(one)],
        [
          words("data.column.prompt"),
          link(`#prompts/${one.prompt_id}`, words("data.one.prompts", { id: one.prompt_id })),
        ],
        [words("data.column.tokens"), one.tokens === null ? "–" : String(one.tokens)],
        [words("data.characters"), String(one.characters)],
        [words("data.column.cut_off"), cut(one)],
        [words("data.column.run"), sealedOr(one, run(one))],
        [words("data.made_at"), sealedOr(one, one.sealed ? null : momentWords(one.created_at, language))],
        standsFact(words, one),
      ]),
      el("p", {}, link(`#judgments?completion=${one.id}`, words("data.judgments_on_it"))),
      comparisonTable(words, one.comparisons),
    ],
  };
}
