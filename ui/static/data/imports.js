// All imports of the study, the newest first, and undoing one: it is said first what goes and what stays.

import { askBack } from "../page/dialog.js";
import { el, foreignText } from "../page/elements.js";
import { button } from "../page/fields.js";
import { momentWords } from "../page/moments.js";
import { doneOrSaid } from "../page/refusals.js";
import { table } from "../page/table.js";
import { History } from "../settings/history.js";
import { link } from "./pieces.js";
import { kindsWords } from "./words_of.js";

export class Imports {
  constructor(tools) {
    Object.assign(this, { tools, words: tools.words });
    const { words } = tools;
    this.failed = el("p", { class: "tm-field-error", role: "alert" });
    this.history = new History(words, {
      ask: (before) => tools.ask(`/api/imports${before === null ? "" : `?before=${before}`}`),
      take: ({ imports, more }) => ({ entries: imports, more, last: imports.at(-1)?.id }),
      draw: (imports) => [this.table(imports)],
      empty: words("data.imports.none"),
    });
    this.element = el(
      "section",
      { class: "tm-listed", "aria-labelledby": "tm-imports" },
      el("h2", { class: "tm-box-title", id: "tm-imports" }, words("data.imports.title")),
      this.failed,
      this.history.element,
    );
  }

  load() {
    return this.history.open();
  }

  table(imports) {
    const { words } = this;
    const columns = ["file", "format", "rows_added", "rows_known", "rows_left_out", "at", "state", "act"].map(
      (name) => [words(`data.column.${name}`), name.startsWith("rows_")],
    );
    return table(
      words("data.imports.title"),
      columns,
      imports.map((one) => this.row(one)),
    );
  }

  row(one) {
    const { words, tools } = this;
    return [
      foreignText(link(`#prompts?imported=${one.id}`, "", { class: "tm-inline-link tm-data-short" }), one.file_name),
      one.format,
      link(`#judgments?imported=${one.id}`, String(one.added)),
      String(one.known),
      String(one.left_out),
      momentWords(one.created_at, tools.language),
      [
        words(`data.imports.${one.state}`),
        one.was_cut_off ? el("span", { class: "tm-help" }, ` ${words("data.imports.was_cut_off")}`) : "",
        one.state === "cut_off" ? el("span", { class: "tm-help" }, ` ${words("data.imports.cut_off_help")}`) : "",
      ],
      one.state === "stands" || one.state === "cut_off"
        ? button(words("data.imports.undo"), () => this.undo(one), {
            class: "tm-button tm-slim",
            "data-focus": `undo-${one.id}`,
          })
        : "–",
    ];
  }

  /** Say what goes and what stays, then take the import back. */
  async undo(one) {
    const { words, tools } = this;
    let effect;
    const look = async () => (effect = await tools.ask(`/api/imports/${one.id}`));
    if (!(await doneOrSaid(this.failed, look))) return;
    const made = [...effect.trained.reward_models, ...effect.trained.policies];
    const lines = [
      foreignText(el("p", { class: "tm-note" }), one.file_name),
      words("data.undo.goes", { what: kindsWords(words, effect.goes) }),
      Object.keys(effect.stays).length ? words("data.undo.stays", { what: kindsWords(words, effect.stays) }) : null,
      effect.answers_here ? words("data.undo.answers", { n: effect.answers_here }) : null,
      effect.trained.runs.length
        ? words("data.undo.trained", { runs: effect.trained.runs.join(", "), made: made.join(", ") || "–" })
        : words("data.undo.trained_nothing"),
      words("data.undo.again"),
    ].filter(Boolean);
    const title = words("data.imports.undo");
    const act = () => tools.ask(`/api/imports/${one.id}/undo`, {});
    if (!(await askBack(words, tools.root, { title, lines, confirm: title, act, danger: true }))) return;
    tools.changed();
    await this.load();
  }
}
