// What an export holds or would hold: counts that add up, what was left out and why, the first rows.

import { el, foreignText } from "../page/elements.js";
import { table } from "../page/table.js";
import { reasonWords } from "./words_of.js";

/** The counts of an export and, by reason, what is not in it. */
export function countsView(tools, { counts, dropped, left_out, judgments_left_out }) {
  const { words, has } = tools;
  const named = (name) => {
    const key = `data.count.${name.replaceAll(" ", "_")}`;
    return has(key) ? words(key) : name;
  };
  const reasons = [
    ["dropped", dropped],
    ["left_out", left_out],
    ["judgments_left_out", judgments_left_out],
  ].flatMap(([name, found]) =>
    Object.entries(found).map(([why, n]) => [`${words(`data.export.${name}`)}: ${reasonWords(tools, why)}`, String(n)]),
  );
  const columns = [
    [words("data.export.counted"), false],
    [words("data.export.number"), true],
  ];
  return table(words("data.export.counts"), columns, [
    ...Object.entries(counts).map(([name, n]) => [named(name), String(n)]),
    ...reasons,
  ]);
}

/** A look before anything is written. */
export function previewView(tools, preview) {
  const { words } = tools;
  const rows = preview.rows.map((row) =>
    foreignText(el("pre", { class: "tm-data-row", tabindex: "0" }), JSON.stringify(row, null, 1)),
  );
  return el(
    "section",
    { class: "tm-box tm-listed", "aria-label": words("data.export.preview") },
    el("h2", { class: "tm-box-title" }, words("data.export.preview")),
    countsView(tools, preview),
    el("h3", { class: "tm-label" }, words("data.export.first_rows")),
    rows.length ? rows : el("p", { class: "tm-empty" }, words("data.export.no_rows")),
  );
}
