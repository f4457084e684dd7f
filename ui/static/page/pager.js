// Going through a long list page by page.

import { el } from "./elements.js";
import { button } from "./fields.js";

/** How many pages a list has: at least one. */
export function pagesOf(total, size) {
  return Math.max(1, Math.ceil(total / size));
}

/** Back, position, forward; nothing where everything is on one page. `go(page)` counts from 0. */
export function pager(words, { page, size, total }, go) {
  const pages = pagesOf(total, size);
  if (pages === 1) return null;
  const step = (to, key) =>
    button(words(key), () => go(to), {
      disabled: to < 0 || to >= pages,
      class: "tm-button tm-slim",
      "data-focus": key,
    });
  return el(
    "nav",
    { class: "tm-pager", "aria-label": words("pager.label") },
    step(page - 1, "pager.back"),
    el("span", { class: "tm-position" }, words("pager.position", { page: page + 1, pages, total })),
    step(page + 1, "pager.forward"),
  );
}
