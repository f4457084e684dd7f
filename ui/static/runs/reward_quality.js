// What a training measured of its reward: figures beside the best that any reward could show, whether its chances mean
// what they say, and where it is right and where not.

import { el, foreignText, svg } from "../page/elements.js";
import { number } from "../page/figures.js";
import { table } from "../page/table.js";

const SIZE = 240;
const LEFT = 40;
const BOTTOM = 36;
const EDGE = 10;
const SHARES = [0, 0.25, 0.5, 0.75, 1];
const CHANCES = [0.5, 0.75, 1];
/** Figures of the report: name, digits, the count that it is of. */
const FIGURES = [
  ["accuracy", 3, "decided"],
  ["ceiling", 3, null],
  ["length_baseline", 3, "decided"],
  ["lead", 3, "decided"],
  ["like_length_accuracy", 3, "like_length_pairs"],
  ["like_length_baseline", 3, "like_length_pairs"],
  ["log_loss", 3, "decided"],
  ["three_way_log_loss", 3, "pairs"],
  ["ece", 3, "decided"],
  ["brier", 3, "decided"],
];
const SLICES = ["strength", "person", "tag", "language", "round"];

/** The section of a train-reward run; nothing for other runs, and for those of before there were such figures. */
export function rewardQuality(tools, quality) {
  const { words } = tools;
  if (!quality?.holdout) return null;
  const { holdout, cross_fitted: crossed, ceiling, slices, temperature, enough } = quality;
  const few = holdout.decided < enough && crossed;
  const chosen = few ? crossed : holdout;
  return el(
    "section",
    { class: "tm-box tm-stack", "aria-labelledby": "tm-reward-quality" },
    el("h2", { class: "tm-box-title", id: "tm-reward-quality" }, words("reward.title")),
    el("p", { class: "tm-help" }, words(few ? "reward.few" : "reward.enough", { n: holdout.decided, enough })),
    figuresTable(words, holdout, few ? crossed : null, ceiling),
    el("p", { class: "tm-help" }, ceilingWords(words, ceiling)),
    el("h3", { class: "tm-box-title" }, words("reward.reliability")),
    el("p", { class: "tm-help" }, words("reward.reliability_about")),
    reliability(words, chosen.reliability ?? []),
    typeof temperature === "number"
      ? el("p", { class: "tm-help" }, words("reward.temperature", { value: number(temperature) }))
      : null,
    el("h3", { class: "tm-box-title" }, words("reward.slices")),
    slicesTable(words, slices ?? {}),
  );
}

function figuresTable(words, holdout, crossed, ceiling) {
  const known = ceiling ?? {};
  const value = (report, [name, digits]) => (name === "ceiling" ? known : report)[name] ?? null;
  const count = (report, [name, , of]) => (name === "ceiling" ? known.pairs : report[of]);
  const cells = (report, figure) => [
    withInterval(words, figure[0] === "ceiling" ? known : report, figure[0], figure[1]),
    String(count(report, figure) ?? "–"),
  ];
  const rows = FIGURES.filter((one) => value(holdout, one) !== null || value(crossed ?? {}, one) !== null).map(
    (one) => [words(`reward.figure.${one[0]}`), ...cells(holdout, one), ...(crossed ? cells(crossed, one) : [])],
  );
  const columns = [
    [words("reward.figure"), false],
    [words("reward.holdout"), true],
    [words("reward.n"), true],
    ...(crossed
      ? [
          [words("reward.crossed"), true],
          [words("reward.n"), true],
        ]
      : []),
  ];
  return rows.length
    ? table(words("reward.figure"), columns, rows)
    : el("p", { class: "tm-empty" }, words("reward.nothing"));
}

/** "0.620 (0.480 to 0.740)", or without an interval, or a dash. */
function withInterval(words, report, name, digits) {
  const [value, low, high] = [report[name], report[`${name}_low`], report[`${name}_high`]];
  if (typeof value !== "number") return "–";
  if (typeof low !== "number" || typeof high !== "number") return number(value, digits);
  const ends = { value: number(value, digits), low: number(low, digits), high: number(high, digits) };
  return words("people.interval", ends);
}

function ceilingWords(words, ceiling) {
  if (typeof ceiling?.ceiling !== "number") return words("reward.no_ceiling");
  const { agreement, pairs, least, most } = ceiling;
  return words("reward.ceiling_about", {
    share: number(agreement),
    n: pairs,
    least: number(least),
    most: number(most),
  });
}

/** What the reward said against what came true: on the diagonal where its chances mean what they say. */
function reliability(words, bins) {
  if (bins.length === 0) return el("p", { class: "tm-empty" }, words("reward.nothing"));
  const x = (chance) => LEFT + (chance - 0.5) * 2 * (SIZE - LEFT - EDGE);
  const y = (share) => EDGE + (1 - share) * (SIZE - EDGE - BOTTOM);
  const across = SHARES.flatMap((share) => [
    svg("line", { x1: LEFT, x2: SIZE - EDGE, y1: y(share), y2: y(share), class: "tm-grid" }),
    svg("text", { x: LEFT - 6, y: y(share) + 4, class: "tm-axis", "text-anchor": "end" }, String(share)),
  ]);
  const under = CHANCES.map((chance) =>
    svg("text", { x: x(chance), y: SIZE - BOTTOM + 16, class: "tm-axis", "text-anchor": "middle" }, String(chance)),
  );
  const middle = LEFT + (SIZE - LEFT - EDGE) / 2;
  const said = bins.map((bin) => words("reward.bin", binWords(bin))).join("; ");
  const drawing = svg(
    "svg",
    {
      viewBox: `0 0 ${SIZE} ${SIZE}`,
      role: "img",
      "aria-label": `${words("reward.reliability")}: ${said}`,
      class: "tm-chart",
    },
    across,
    under,
    svg("text", { x: middle, y: SIZE - 4, class: "tm-axis", "text-anchor": "middle" }, words("reward.said")),
    svg("path", { d: `M${x(0.5)} ${y(0.5)}L${x(1)} ${y(1)}`, class: "tm-line tm-ideal", "stroke-dasharray": "4 3" }),
    svg(
      "g",
      { class: "tm-colour-1" },
      bins.map((bin) => mark(words, bin, x, y)),
    ),
  );
  const columns = ["said", "right", "interval", "n"].map((name) => [words(`reward.${name}`), true]);
  const rows = bins.map((bin) => {
    const { said: chance, right, low, high, n } = binWords(bin);
    return [chance, right, words("reward.from_to", { low, high }), String(n)];
  });
  return el(
    "div",
    { class: "tm-reliability" },
    el("figure", { class: "tm-figure" }, drawing),
    table(words("reward.reliability"), columns, rows),
  );
}

function mark(words, bin, x, y) {
  const at = x(bin.said);
  const bar =
    typeof bin.low === "number"
      ? svg("path", { d: `M${at} ${y(bin.low)}L${at} ${y(bin.high)}`, class: "tm-line" })
      : null;
  const dot = svg("circle", { cx: at, cy: y(bin.right), r: 4, class: "tm-dot" });
  dot.append(svg("title", {}, words("reward.bin", binWords(bin))));
  return svg("g", {}, bar, dot);
}

function binWords({ said, right, low, high, pairs }) {
  return { said: number(said), right: number(right), low: number(low), high: number(high), n: pairs };
}

function slicesTable(words, slices) {
  const rows = SLICES.flatMap((label) =>
    (slices[label] ?? []).map((row) => [
      words(`reward.slice.${label}`),
      foreignText(el("span"), row.name ?? words("reward.person_gone", { n: row.value })),
      withInterval(words, { accuracy: row.accuracy, accuracy_low: row.low, accuracy_high: row.high }, "accuracy", 2),
      number(row.length_baseline),
      String(row.decided),
    ]),
  );
  if (rows.length === 0) return el("p", { class: "tm-empty" }, words("reward.nothing"));
  const columns = [
    [words("reward.slice"), false],
    [words("reward.slice_value"), false],
    [words("reward.figure.accuracy"), true],
    [words("reward.figure.length_baseline"), true],
    [words("reward.n"), true],
  ];
  return table(words("reward.slices"), columns, rows);
}
