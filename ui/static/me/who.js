// Who I am in this study, and the way out.

import { el, foreignText } from "../page/elements.js";
import { button } from "../page/fields.js";
import { section } from "./section.js";

export function who({ words, me }, mine) {
  const name = me.accounts ? foreignText(el("p", { class: "tm-me-name" }), mine.name) : null;
  const role = me.accounts
    ? el("p", { class: "tm-help" }, words("me.role", { role: words(`door.role.${mine.role}`) }))
    : el("p", {}, words("me.alone"));
  // A form of its own, not a request: the answer is the page to log in.
  const out = el(
    "form",
    { method: "post", action: "/logout" },
    button(words("me.log_out"), null, { class: "tm-button tm-slim" }),
  );
  return section(
    "who",
    words("me.who"),
    el("div", { class: "tm-me-line" }, el("div", {}, name, role), me.accounts ? out : null),
  );
}
