// The audit log: who did what to what, the latest first.

import { el, foreignText } from "../page/elements.js";
import { momentWords } from "../page/moments.js";
import { table } from "../page/table.js";
import { History } from "./history.js";

const SIZE = 25;

export function auditPart(page) {
  const { words, has, language, send } = page;
  const titles = ["at", "by", "action", "subject", "detail"];
  const did = (action) => {
    const key = `act.${action.replaceAll(" ", "_")}`;
    return has(key) ? words(key) : action;
  };
  const row = ({ at, by, action, subject, detail }) => [
    momentWords(at, language),
    foreignText(el("span"), by),
    did(action),
    foreignText(el("span"), subject),
    Object.keys(detail).length === 0 ? "" : foreignText(el("span", { class: "tm-detail" }), JSON.stringify(detail)),
  ];
  return new History(words, {
    ask: (before) => send(`/api/audit?limit=${SIZE}${before === null ? "" : `&before=${before}`}`),
    take: ({ entries, more }) => ({ entries, more, last: entries.at(-1)?.id }),
    draw: (entries) => [
      el("p", { class: "tm-lead" }, words("audit.about")),
      table(
        words("settings.audit"),
        titles.map((name) => [words(`audit.${name}`), false]),
        entries.map(row),
      ),
    ],
    empty: words("audit.none"),
  });
}
