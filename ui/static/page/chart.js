// Lines over steps, or over another reading, as drawings: axes with round marks, each point's value under the pointer, the numbers as a table.
// Several lines are told apart by colour, dashes and the shape of their points.

import { el, svg } from "./elements.js";
import { marks, number } from "./figures.js";
import { table } from "./table.js";

const WIDTH = 320;
const HEIGHT = 150;
const LEFT = 44;
const BOTTOM = 20;
const TOP = 10;
const RIGHT = 10;
const DASHES = [null, "7 3", "2 3", "9 3 2 3", "4 2", "12 4"];
const CROWDED = 60;
const MARKED = 12;
/** How many lines one drawing tells apart. */
export const MOST_LINES = DASHES.length;

/** Points as a path; a gap where a value is missing. */
export function path(points, x, y) {
  let begun = false;
  return points
    .map(([step, value]) => {
      if (typeof value !== "number") {
        begun = false;
        return "";
      }
      const command = `${begun ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`;
      begun = true;
      return command;
    })
    .join("");
}

/** A figure for one series; `points` are [step, value or null]. */
export function chart(title, points, { colour = 1, digits = 2, unit = "" } = {}) {
  const now = `${number(lastOf(points), digits)}${unit}`;
  const line = { points, colour, dash: null, shape: 0, name: "" };
  return el(
    "figure",
    { class: "tm-figure" },
    el("figcaption", {}, el("span", {}, title), el("strong", {}, now)),
    drawing(`${title}: ${now}`, [line], { digits, unit }),
  );
}

/** A figure for several series, {name, points}, at most MOST_LINES of them, in the order of their legend. */
export function plot(title, series, { digits = 2, unit = "" } = {}) {
  const lines = series.map((one, place) => ({ ...one, colour: place + 1, dash: DASHES[place], shape: place }));
  const drawn = lines.filter(({ points }) => valuesOf(points).length > 0);
  const said = drawn.map(({ name, points }) => `${name} ${number(lastOf(points), digits)}${unit}`);
  return el(
    "figure",
    { class: "tm-figure" },
    el("figcaption", {}, el("span", {}, title)),
    drawing(`${title}: ${said.join(", ")}`, drawn, { digits, unit }),
  );
}

/** What each line of a plot stands for: its colour, dashes and shape beside its name. `nodes` come in the same order. */
export function legend(label, nodes) {
  return el(
    "ul",
    { class: "tm-legend", "aria-label": label },
    nodes.map((node, place) =>
      el(
        "li",
        {},
        svg(
          "svg",
          { viewBox: "0 0 44 14", class: `tm-legend-line tm-colour-${place + 1}`, "aria-hidden": "true" },
          svg("path", { d: "M2 7L42 7", class: "tm-line", "stroke-dasharray": DASHES[place] }),
          marker(place, 22, 7, 4),
        ),
        node,
      ),
    ),
  );
}

/** The numbers behind a figure, closed at first: a row a step, a column for each of {name, points}. */
export function numbersOf(summary, step, series, digits = 3) {
  const steps = [...new Set(series.flatMap(({ points }) => points.map(([each]) => each)))].sort((a, b) => a - b);
  const known = series.map(({ points }) => new Map(points));
  const folded = el("details", { class: "tm-numbers" }, el("summary", {}, summary));
  folded.addEventListener("toggle", () => {
    if (folded.open && folded.childElementCount === 1)
      folded.append(
        table(
          summary,
          [[step, true], ...series.map(({ name }) => [name, true])],
          steps.map((each) => [String(each), ...known.map((values) => number(values.get(each), digits))]),
        ),
      );
  });
  return folded;
}

function drawing(label, lines, { digits, unit }) {
  const values = lines.flatMap(({ points }) => valuesOf(points));
  const steps = lines.flatMap(({ points }) => points.map(([step]) => step));
  const rows = marks(Math.min(...values), Math.max(...values));
  const [low, high] = [rows[0], rows.at(-1)];
  const [first, until] = [Math.min(...steps), Math.max(...steps)];
  const last = until > first ? until : first + 1;
  const x = (step) => LEFT + ((step - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => TOP + (1 - (value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const grid = rows.flatMap((row) => [
    svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(row), y2: y(row), class: "tm-grid" }),
    svg("text", { x: LEFT - 6, y: y(row) + 4, class: "tm-axis", "text-anchor": "end" }, shortNumber(row)),
  ]);
  const ends = [...new Set([first, until])];
  const under = ends.map((step, place) =>
    svg(
      "text",
      { x: x(step), y: HEIGHT - 5, class: "tm-axis", "text-anchor": place ? "end" : "start" },
      placeWords(step),
    ),
  );
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "tm-chart" },
    grid,
    under,
    lines.map((line) =>
      svg(
        "g",
        { class: `tm-colour-${line.colour}` },
        svg("path", { d: path(line.points, x, y), class: "tm-line", "stroke-dasharray": line.dash }),
        dots(line, x, y, { digits, unit }),
      ),
    ),
  );
}

/** A mark on each point; of a crowded line on some, so that its shape can still be seen. */
function dots({ name, points, shape }, x, y, { digits, unit }) {
  const there = points.filter(([, value]) => typeof value === "number");
  const every = there.length > CROWDED ? Math.ceil(there.length / MARKED) : 1;
  return there
    .filter((_, place) => place % every === 0 || place === there.length - 1)
    .map(([step, value]) => {
      const dot = marker(shape, x(step), y(value), 3);
      dot.append(
        svg("title", {}, `${name ? `${name}, ` : ""}${placeWords(step)}: ${number(value, digits + 1)}${unit}`),
      );
      return dot;
    });
}

/** A circle, square, triangle, diamond, or one of the last two upside down. */
function marker(shape, x, y, size) {
  if (shape === 0) return svg("circle", { cx: x, cy: y, r: size, class: "tm-dot" });
  const s = size + 0.5;
  const corners = [
    [
      [-s, -s],
      [s, -s],
      [s, s],
      [-s, s],
    ],
    [
      [0, -s],
      [s, s],
      [-s, s],
    ],
    [
      [0, -s * 1.3],
      [s * 1.3, 0],
      [0, s * 1.3],
      [-s * 1.3, 0],
    ],
    [
      [0, s],
      [s, -s],
      [-s, -s],
    ],
    [
      [-s, -s / 2.5],
      [s, -s / 2.5],
      [s, s / 2.5],
      [-s, s / 2.5],
    ],
  ][shape - 1];
  return svg("polygon", { points: corners.map(([dx, dy]) => `${x + dx},${y + dy}`).join(" "), class: "tm-dot" });
}

function valuesOf(points) {
  return points.map(([, value]) => value).filter((value) => typeof value === "number");
}

function lastOf(points) {
  return valuesOf(points).at(-1);
}

/** A step as it is, any other place along the axis in few digits. */
function placeWords(place) {
  return Number.isInteger(place) ? String(place) : shortNumber(place);
}

function shortNumber(value) {
  return Math.abs(value) >= 1000 ? value.toExponential(0) : String(Number(value.toPrecision(3)));
}
