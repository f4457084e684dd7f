// What runs or waits: how far it is, how long it still takes, and a way to stop it.

import { el, setText } from "../page/elements.js";
import { duration } from "../page/figures.js";
import { kindWords, phaseWords } from "../page/run_words.js";

export class ActiveRuns {
  constructor(tools) {
    Object.assign(this, tools);
    this.tools = tools;
    this.rows = new Map();
    this.list = el("ul", { class: "tm-active-list" });
    this.empty = el("p", { class: "tm-empty" }, this.words("active.empty"));
    this.idle = el("p", { class: "tm-error", hidden: true }, this.words("active.no_worker"));
    this.element = el(
      "section",
      { class: "tm-box", "aria-labelledby": "tm-active" },
      el(
        "div",
        { class: "tm-box-head" },
        el("h2", { class: "tm-box-title", id: "tm-active" }, this.words("active.title")),
        el("a", { href: "/runs" }, this.words("active.all")),
      ),
      this.empty,
      this.idle,
      this.list,
    );
  }

  update({ active, worker }) {
    const ids = new Set(active.map((run) => run.id));
    for (const [id, row] of this.rows) if (!ids.has(id)) row.element.remove(), this.rows.delete(id);
    for (const run of active) {
      if (!this.rows.has(run.id)) this.rows.set(run.id, this.row(run));
      this.show(this.rows.get(run.id), run);
      this.list.append(this.rows.get(run.id).element);
    }
    this.empty.hidden = active.length > 0;
    this.idle.hidden = worker !== null || active.length === 0;
  }

  row(run) {
    const name = kindWords(this.tools, run.kind);
    const state = el("span", { class: "tm-run-state", "data-run": run.id });
    const bar = el("progress", { class: "tm-progress", "aria-label": name });
    const cancel = el(
      "button",
      { type: "button", class: "tm-small", onclick: () => this.cancel(run.id) },
      this.words("active.cancel"),
    );
    cancel.setAttribute("aria-label", `${this.words("active.cancel")}: ${name} ${run.id}`);
    const link = el(
      "a",
      { class: "tm-inline-link", href: `/runs#${run.id}`, "data-run": run.id },
      `${name} · ${run.id}`,
    );
    const head = el("div", { class: "tm-run-head" }, el("strong", {}, link), cancel);
    return { state, bar, cancel, element: el("li", { class: "tm-active" }, head, bar, state) };
  }

  show({ state, bar, cancel }, run) {
    const { phase, step, steps, seconds_left: left } = run.progress;
    if (steps > 0) {
      bar.max = steps;
      bar.value = step;
    } else if (run.status === "queued") bar.value = 0;
    else bar.removeAttribute("value");
    cancel.disabled = run.cancelling;
    const said = run.cancelling
      ? [this.words("active.cancelling")]
      : run.status === "queued"
        ? [this.words("active.queued")]
        : [
            phaseWords(this.tools, phase) || this.words("active.starting"),
            steps > 0 ? this.words("active.steps", { step, steps }) : null,
            typeof left === "number" ? this.words("active.left", { time: duration(this.words, left) }) : null,
          ];
    setText(state, said.filter(Boolean).join(" · "));
  }

  async cancel(id) {
    await this.act(`/api/runs/${id}/cancel`, {});
  }
}
