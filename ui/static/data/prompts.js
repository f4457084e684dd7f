// The table of prompts, and one prompt with what belongs to it.

import { el, foreignText } from "../page/elements.js";
import { languageWords } from "../page/moments.js";
import { pairView } from "../people/pair.js";
import { anyOr, comparisonTable, facts, foreign, link, tags, textLink } from "./pieces.js";

export function promptTable({ words, language }) {
  const splits = (choices) =>
    anyOr(
      words,
      choices.splits.map((name) => [name, words(`data.split.${name}`)]),
    );
  const imported = (id) => link(`#prompts?imported=${id}`, words("data.import", { id }));
  return {
    name: "prompts",
    about: words("data.prompts.about"),
    empty: words("data.prompts.none"),
    links: ["imported"],
    fields: (choices) => [
      { key: "search", label: words("data.search"), help: words("data.search_prompts") },
      { key: "split", label: words("data.column.split"), options: splits(choices) },
      {
        key: "language",
        label: words("data.column.language"),
        options: anyOr(
          words,
          choices.languages.map((code) => [code, languageWords(code, language)]),
        ),
      },
      {
        key: "tag",
        label: words("data.column.tag"),
        options: anyOr(
          words,
          choices.tags.map((tag) => [tag, tag]),
        ),
      },
      { key: "group", label: words("data.column.group") },
      {
        key: "taken_back",
        label: words("data.state_of"),
        options: [
          ["", words("data.stands")],
          ["true", words("data.taken_back")],
        ],
      },
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
        [words("data.state_of"), words(one.taken_back ? "data.taken_back" : "data.stands")],
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
