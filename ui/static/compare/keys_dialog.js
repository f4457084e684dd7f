// The key map, as a list.

import { showDialog } from "../page/dialog.js";
import { el } from "../page/elements.js";
import { kbd } from "./buttons.js";
import { keysOfSteps } from "./key_map.js";
import { SEVEN, THREE } from "./verdict.js";

const EVERYWHERE = [
  [["S"], "skip"],
  [["Z"], "undo"],
  [["L"], "answers"],
  [["F"], "flag"],
  [["N"], "rationale"],
  [["E"], "improve"],
  [["C"], "criteria"],
  [["⏎"], "enter"],
  [["Esc"], "leave"],
  [["M"], "view"],
  [["G"], "guidelines"],
  [["P"], "pause"],
  [["?"], "help"],
];

/**
 * The keys of two responses, with or without strength, or of a board: [keys, name] each. `criteria`, `rationale` and
 * `improve` say whether the question asks for them.
 */
export function keysFor({ candidates, strength, ...asks }) {
  const everywhere = EVERYWHERE.filter(([, name]) => asks[name] !== false);
  const bad = [["B"], candidates > 2 ? "all_bad" : "both_bad"];
  if (candidates > 2) {
    const digits = [`1 … ${candidates}`];
    return [[digits, "rank"], [["="], "rank_tie"], [["⌫"], "rank_back"], bad, ...everywhere];
  }
  const keys = keysOfSteps(strength);
  const steps = (strength ? SEVEN : THREE).map(({ name }) => [keys[name], `step.${name}`]);
  return [...steps, bad, ...everywhere];
}

export function keysDialog(words, root, asked) {
  const row = ([keys, name]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, kbd(...keys)),
      el("td", {}, name.startsWith("step.") ? words(`${name}.full`) : words(`keys.${name}`)),
    );
  const table = el("table", { class: "tm-key-table" }, el("tbody", {}, keysFor(asked).map(row)));
  return showDialog(words, root, words("keys.title"), [table]);
}
