// A part of the page with its heading, which names it.

import { el } from "../page/elements.js";

/** A box with a heading; `name` is unique on the page. */
export function section(name, title, ...children) {
  const id = `tm-me-${name}`;
  return el(
    "section",
    { class: `tm-box tm-me-${name}`, "aria-labelledby": id },
    el("h2", { class: "tm-box-title", id }, title),
    children,
  );
}
