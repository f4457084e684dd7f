// One line over steps, as a drawing: axes with round marks, the last value, each point's value under the pointer.

import { el, svg } from "../page/elements.js";
import { marks, number } from "../page/figures.js";

const WIDTH = 320;
const HEIGHT = 150;
const LEFT = 44;
const BOTTOM = 20;
const TOP = 10;
const RIGHT = 10;

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
  const values = points.map(([, value]) => value).filter((value) => typeof value === "number");
  const steps = points.map(([step]) => step);
  const rows = marks(Math.min(...values), Math.max(...values));
  const [low, high] = [rows[0], rows.at(-1)];
  const [first, last] = [steps[0], Math.max(steps.at(-1), steps[0] + 1)];
  const x = (step) => LEFT + ((step - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => TOP + (1 - (value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const now = number(values.at(-1), digits);
  const grid = rows.flatMap((row) => [
    svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(row), y2: y(row), class: "tm-grid" }),
    svg("text", { x: LEFT - 6, y: y(row) + 4, class: "tm-axis", "text-anchor": "end" }, shortNumber(row)),
  ]);
  const ends = [first, steps.at(-1)].filter((step, place, all) => all.indexOf(step) === place);
  const under = ends.map((step, place) =>
    svg("text", { x: x(step), y: HEIGHT - 5, class: "tm-axis", "text-anchor": place ? "end" : "start" }, String(step)),
  );
  const dots = points
    .filter(([, value]) => typeof value === "number")
    .map(([step, value]) =>
      svg(
        "circle",
        { cx: x(step), cy: y(value), r: points.length > 60 ? 2 : 3, class: "tm-dot" },
        svg("title", {}, `${step}: ${number(value, digits + 1)}${unit}`),
      ),
    );
  const drawing = svg(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": `${title}: ${now}${unit}`,
      class: `tm-chart tm-colour-${colour}`,
    },
    grid,
    under,
    svg("path", { d: path(points, x, y), class: "tm-line" }),
    dots,
  );
  return el(
    "figure",
    { class: "tm-figure" },
    el("figcaption", {}, el("span", {}, title), el("strong", {}, `${now}${unit}`)),
    drawing,
  );
}

function shortNumber(value) {
  return Math.abs(value) >= 1000 ? value.toExponential(0) : String(Number(value.toPrecision(3)));
}
