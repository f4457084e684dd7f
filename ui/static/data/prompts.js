// The table of prompts, and one prompt with what belongs to it.

import { el, foreignText } from "../page/elements.js";
import { languageWords } from "../page/moments.js";
import { pairView } from "../people/pair.js";
import { choiceField, languageField, splitField, standsField } from "./filter_fields.js";
import { comparisonTable, facts, foreign, link, standsFact, tags, textLink } from "./pieces.js";

export function promptTable({ words, language }) {
  const imported = (id) => link(`#prompts?imported=${id}`, words("data.import", { id }));
  return {
    name: "prompts",
    about: words("data.prompts.about"),
    empty: words("data.prompts.none"),
    links: ["imported"],
    fields: (choices) => [
      { key: "search", label: words("data.search"), help: words("data.search_prompts") },
      splitField(words, choices),
      languageField(words, choices, language),
      choiceField(
        words,
        "tag",
        "data.column.tag",
        choices.tags.map((tag) => [tag, tag]),
      ),
      { key: "group", label: words("data.column.group") },
      standsField(words),
    ],
    columns: [
      [words("data.column.prompt"), false],
      [words("data.column.split"), false],
      [words("data.column.group"), false],
      [words("data.column.language"), false],
      [words("data.column.tags"), false],
      [words("data.column.source"), false],
      [words("data.column.completions"), true],
      [words("data.column.comparisons"), true],
      [words("data.column.answers"), true],
    ],
    cells: (row) => [
      [
        textLink(words, `#prompts/${row.id}`, row.text),
        row.messages > 1 ? el("span", { class: "tm-tag" }, words("data.turns", { n: row.messages })) : "",
      ],
      words(`data.split.${row.split}`),
      foreign(row.group),
      languageWords(row.language, language),
      tags(row.tags),
      row.imports.length ? row.imports.map(imported) : words("data.own"),
      link(`#completions?prompt=${row.id}`, String(row.completions)),
      String(row.comparisons),
      link(`#judgments?prompt=${row.id}`, String(row.answers)),
    ],
    detail: (one) => [
      pairView(words, { prompt: one.messages, completions: [] }),
      facts([
        [words("data.column.split"), words(`data.split.${one.split}`)],
        [words("data.column.group"), foreign(one.group)],
        [words("data.column.language"), languageWords(one.language, language)],
        [words("data.column.tags"), tags(one.tags)],
        [words("data.column.completions"), link(`#completions?prompt=${one.id}`, String(one.counts.completions))],
        [words("data.column.answers"), link(`#judgments?prompt=${one.id}`, String(one.counts.answers))],
        standsFact(words, one),
        [
          words("data.column.source"),
          one.imports.length ? one.imports.map((each) => source(words, each)) : words("data.own"),
        ],
      ]),
      one.reference
        ? el(
            "section",
            {},
            el("h3", { class: "tm-label" }, words("data.reference")),
            foreignText(el("p", {}), one.reference),
          )
        : null,
      comparisonTable(words, one.comparisons, one.more),
    ],
  };
}

function source(words, { id, file_name }) {
  return el("span", {}, link(`#prompts?imported=${id}`, words("data.import", { id })), " ", foreign(file_name));
}
