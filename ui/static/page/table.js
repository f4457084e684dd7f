// A table that scrolls inside itself where the screen is narrow, so that the page never does.

import { el } from "./elements.js";

/** `columns`: [title, numeric]; `rows`: lists of nodes or texts. The caption names the table for readers of screens. */
export function table(caption, columns, rows) {
  const cell = (content, place) => el("td", { class: columns[place][1] ? "tm-count" : null }, content);
  return el(
    "div",
    { class: "tm-table-scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      { class: "tm-table" },
      el("caption", { class: "tm-unseen" }, caption),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          columns.map(([title, numeric]) => el("th", { scope: "col", class: numeric ? "tm-count" : null }, title)),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map((row) => el("tr", {}, row.map(cell))),
      ),
    ),
  );
}
