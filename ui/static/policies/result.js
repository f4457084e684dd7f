// What people said, blind: a verdict for every two sides, the matrix of shares with counts, strengths, slices.

import { el } from "../page/elements.js";
import { percent } from "../page/figures.js";
import { languageWords } from "../page/moments.js";
import { table } from "../page/table.js";
import { count, shareWords, strengthWords, verdictWords, wonWords } from "./sides.js";

const MOST_VERDICTS = 10;

/** `result` as the server sends it, `names` of its sides in order. */
export function resultView({ words, language }, result, names) {
  const told = result.pairs.filter(({ judgments }) => judgments > 0);
  return [
    el(
      "div",
      { class: "tm-verdicts" },
      told.slice(0, MOST_VERDICTS).map((pair) => verdict(words, pair, names)),
    ),
    titled(words("policies.matrix"), matrix(words, result, names), words("policies.matrix_help")),
    titled(words("policies.strengths"), strengths(words, result, names), strengthsHelp(words, result)),
    titled(words("policies.slices"), slices(words, language, result, names), words("policies.slices_help")),
    ...(result.looked ? [el("p", { class: "tm-help" }, words("policies.looked"))] : []),
  ];
}

function titled(title, node, help) {
  return el(
    "section",
    { class: "tm-listed" },
    el("h3", { class: "tm-box-title" }, title),
    node,
    el("p", { class: "tm-help" }, help),
  );
}

function verdict(words, pair, names) {
  const [older, newer] = [names[pair.older], names[pair.newer]];
  const even = pair.share_at_equal_length;
  return el(
    "section",
    { class: "tm-box tm-verdict" },
    el("h3", { class: "tm-label" }, el("bdi", {}, words("policies.against", { newer, older }))),
    el("p", { class: "tm-big" }, wonWords(words, pair)),
    el("p", {}, shareWords(pair), pair.interval === "every look" ? ` ${everyLook(words, pair)}` : ""),
    el("p", { class: "tm-verdict-words" }, verdictWords(words, pair, older, newer)),
    even === null ? null : el("p", { class: "tm-help" }, words("policies.even_share", { share: percent(even) })),
    pair.first_shown_share === null
      ? null
      : el("p", { class: "tm-help" }, words("policies.first_shown", { share: percent(pair.first_shown_share) })),
  );
}

function everyLook(words, { error }) {
  return words("policies.every_look", { percent: Math.round(100 * (1 - error)) });
}

/** Row against column: how often the row's side was preferred, and from how many wins, ties and losses. */
function matrix(words, { pairs }, names) {
  const cell = (row, column) => {
    if (row === column) return "·";
    const pair = pairs.find(({ older, newer }) => [older, newer].includes(row) && [older, newer].includes(column));
    if (!pair || pair.share === null) return "–";
    const own = pair.newer === row;
    const [won, lost] = own ? [pair.wins, pair.losses] : [pair.losses, pair.wins];
    return el(
      "span",
      {},
      percent(own ? pair.share : 1 - pair.share),
      el("span", { class: "tm-counts" }, ` ${count(won)}–${count(pair.ties)}–${count(lost)}`),
    );
  };
  const columns = [[words("policies.matrix_of"), false], ...names.map((name) => [el("bdi", {}, name), true])];
  return table(
    words("policies.matrix"),
    columns,
    names.map((name, row) => [el("bdi", {}, name), ...names.map((_, column) => cell(row, column))]),
  );
}

function strengths(words, result, names) {
  const columns = [
    [words("policies.column.name"), false],
    [words("policies.column.strength"), true],
    [words("policies.column.even"), true],
  ];
  const order = names.map((_, place) => place).sort((a, b) => result.strengths[b].value - result.strengths[a].value);
  const rows = order.map((place) => [
    el("bdi", {}, names[place]),
    strengthWords(result.strengths[place]),
    result.length_term ? strengthWords(result.at_equal_length[place]) : "–",
  ]);
  return table(words("policies.strengths"), columns, rows);
}

function strengthsHelp(words, { side_term: side, length_term: length }) {
  return [
    words("policies.strengths_help"),
    side ? words("policies.side_term", { value: strengthWords(side) }) : "",
    length ? words("policies.length_term", { value: strengthWords(length) }) : "",
  ]
    .filter(Boolean)
    .join(" ");
}

function slices(words, language, result, names) {
  if (result.slices.length === 0) return el("p", { class: "tm-empty" }, words("policies.no_slices"));
  const columns = ["slice", "who", "won", "share"].map((name) => [
    words(`policies.column.${name}`),
    name !== "slice" && name !== "who",
  ]);
  const rows = result.slices.map((one) => [
    el(
      "span",
      {},
      el("span", { class: "tm-counts" }, `${words(`policies.slice.${one.kind}`)} `),
      el("bdi", {}, one.kind === "language" ? languageWords(one.name, language) : one.name),
    ),
    el("bdi", {}, words("policies.against", { newer: names[one.newer], older: names[one.older] })),
    wonWords(words, one),
    shareWords(one),
  ]);
  return table(words("policies.slices"), columns, rows);
}
