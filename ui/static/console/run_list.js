// The latest runs: what each was, how it ended, its error, the end of its log.

import { el, foreignText, setText } from "../page/elements.js";
import { clockTime, duration, moment } from "../page/figures.js";
import { kindWords } from "./words_of.js";

const LOG_LINES = 200;

export class RunList {
  constructor(tools) {
    Object.assign(this, tools);
    this.tools = tools;
    this.rows = new Map();
    this.empty = el("p", { class: "tm-empty" }, this.words("runs.empty"));
    this.list = el("ul", { class: "tm-runs" });
    this.element = el(
      "section",
      { class: "tm-box", "aria-labelledby": "tm-runs" },
      el("h2", { class: "tm-box-title", id: "tm-runs" }, this.words("runs.title")),
      this.empty,
      this.list,
    );
  }

  update({ runs }) {
    this.empty.hidden = runs.length > 0;
    const ids = new Set(runs.map((run) => run.id));
    for (const [id, row] of this.rows) if (!ids.has(id)) (row.element.remove(), this.rows.delete(id));
    runs.forEach((run, place) => {
      if (!this.rows.has(run.id)) this.rows.set(run.id, this.row(run));
      const row = this.rows.get(run.id);
      this.show(row, run);
      if (this.list.children[place] !== row.element)
        this.list.insertBefore(row.element, this.list.children[place] ?? null);
    });
  }

  row(run) {
    const state = el("span", { class: "tm-chip" });
    const when = el("span", { class: "tm-when" });
    const error = el("p", { class: "tm-error", hidden: true });
    const log = el("ol", { class: "tm-log" });
    const details = el(
      "details",
      {},
      el(
        "summary",
        {},
        el("span", { class: "tm-run-name" }, `${kindWords(this.tools, run.kind)} · ${run.id}`),
        state,
        when,
      ),
      log,
      el("p", {}, el("a", { class: "tm-inline-link", href: `/runs#${run.id}` }, this.words("runs.open"))),
    );
    const row = { state, when, error, log, details, after: 0, element: el("li", {}, details, error) };
    details.addEventListener("toggle", () => details.open && this.readLog(run.id, row));
    return row;
  }

  show(row, run) {
    setText(row.state, this.words(`status_of.${run.status}`));
    row.state.dataset.status = run.status;
    const taken = run.started_at
      ? duration(this.words, (new Date(run.ended_at ?? Date.now()) - new Date(run.started_at)) / 1000)
      : null;
    setText(row.when, [moment(run.created_at), run.ended_at ? taken : null].filter(Boolean).join(" · "));
    row.error.hidden = !run.error;
    if (run.error) foreignText(row.error, run.error);
    if (row.details.open && run.status === "running") this.readLog(run.id, row);
  }

  async readLog(id, row) {
    try {
      const { logs } = await this.ask(`/api/runs/${id}?after_log=${row.after}`);
      for (const line of logs)
        row.log.append(
          el(
            "li",
            { "data-level": line.level },
            el("time", { datetime: line.at, title: moment(line.at) }, clockTime(line.at)),
            foreignText(el("span"), line.text),
          ),
        );
      row.after = logs.at(-1)?.id ?? row.after;
      while (row.log.childElementCount > LOG_LINES) row.log.firstElementChild.remove();
      if (row.log.childElementCount === 0) row.log.append(el("li", { class: "tm-empty" }, this.words("runs.no_log")));
    } catch {
      // Opening it again tries again.
    }
  }
}
