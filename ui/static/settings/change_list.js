// Changes as a list: what, from, to.

import { el } from "../page/elements.js";
import { labelOf, valueWords } from "../page/setting_words.js";

/** `changes`: [name, before, after]. */
export function changeList(page, changes) {
  return el(
    "ul",
    { class: "tm-changes" },
    changes.map(([name, before, after]) =>
      el(
        "li",
        {},
        el("span", { class: "tm-change-name" }, labelOf(page, name)),
        el("span", { dir: "auto" }, valueWords(page, before)),
        el("span", { "aria-hidden": "true" }, "→"),
        el("span", { class: "tm-unseen" }, page.words("settings.becomes")),
        el("strong", { dir: "auto" }, valueWords(page, after)),
      ),
    ),
  );
}
