// The versions of the settings: who, when, what changed.

import { el } from "../page/elements.js";
import { momentWords } from "../page/moments.js";
import { changeList } from "./change_list.js";
import { History } from "./history.js";

const SIZE = 10;

export function versionsPart(page) {
  const { words, language, send } = page;
  const draw = (versions) =>
    versions.map(({ version, at, by, changes }) =>
      el(
        "section",
        { class: "tm-box tm-stack" },
        el(
          "h2",
          { class: "tm-version-head" },
          words("settings.version", { version, at: momentWords(at, language) }),
          by === null ? "" : ` · ${by}`,
        ),
        changes === null
          ? el("p", { class: "tm-help" }, words("settings.first"))
          : changeList(
              page,
              Object.entries(changes).map(([name, [before, after]]) => [name, before, after]),
            ),
      ),
    );
  return new History(words, {
    ask: (before) => send(`/api/settings/versions?limit=${SIZE}${before === null ? "" : `&before=${before}`}`),
    take: ({ versions, more }) => ({ entries: versions, more, last: versions.at(-1)?.version }),
    draw: (versions) => [el("p", { class: "tm-lead" }, words("settings.versions_about")), ...draw(versions)],
    empty: words("settings.no_versions"),
  });
}
