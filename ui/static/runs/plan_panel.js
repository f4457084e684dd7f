// What a run will take, on what that is based, and the exact command and file for it.

import { el, foreignText } from "../page/elements.js";
import { duration } from "../page/figures.js";
import { kindWords } from "../page/run_words.js";
import { commandLine } from "./run_facts.js";
import { gigabytes } from "./words.js";

export class PlanPanel {
  constructor(tools) {
    Object.assign(this, tools);
    this.tools = tools;
    this.refused = null;
    this.inside = el("div", { class: "tm-stack", "aria-live": "polite" }, this.words("part.loading"));
    this.element = el(
      "section",
      { "aria-labelledby": "tm-plan" },
      el("h2", { class: "tm-box-title", id: "tm-plan" }, this.words("runs.plan")),
      this.inside,
    );
  }

  fail(reason) {
    this.inside.replaceChildren(el("p", { class: "tm-field-error" }, this.words("part.failed", { reason })));
  }

  show({ parts, command }) {
    this.refused = parts.map((part) => this.refusal(part)).find(Boolean) ?? null;
    const faulty = parts.some(({ faults }) => Object.keys(faults).length > 0);
    this.inside.replaceChildren(
      ...[
        ...parts.flatMap((part) => this.part(part, parts.length > 1)),
        faulty ? el("p", { class: "tm-field-error" }, this.words("runs.faulty")) : null,
        command ? commandLine(this.tools, command) : null,
        ...parts.filter(({ toml }) => toml).map((part) => this.file(part)),
      ].filter(Boolean),
    );
  }

  /** Why a run cannot be: in the reader's language where the server names it, else in the server's words. */
  refusal({ refused }) {
    if (!refused) return null;
    const key = `reason.${refused.code}`;
    return this.has(key) ? this.words(key, refused.numbers) : refused.reason;
  }

  part({ kind, refused, estimate }, named) {
    const { words } = this;
    const title = named ? el("h3", { class: "tm-label" }, kindWords(this.tools, kind)) : null;
    if (refused) return [title, foreignText(el("p", { class: "tm-field-error" }), this.refusal({ refused }))];
    if (!estimate) return [title];
    const {
      seconds,
      seconds_low: low,
      seconds_high: high,
      memory_gb: memory,
      disk_gb: disk,
      kept_gb: kept,
      free_disk_gb: free,
      promised_disk_gb: promised,
      runs,
      warnings,
    } = estimate;
    const time = (value) => duration(words, value);
    const takes = { time: time(seconds), low: time(low), high: time(high) };
    const needs = { memory: gigabytes(memory), disk: gigabytes(disk), kept: gigabytes(kept) };
    const room = free === null ? null : { free: gigabytes(free), promised: gigabytes(promised) };
    return [
      title,
      el(
        "div",
        { class: "tm-estimate" },
        el("p", {}, el("strong", {}, words("runs.takes", takes))),
        el("p", {}, words("runs.needs", needs)),
        room ? el("p", { class: "tm-help" }, words(promised > 0 ? "runs.room_besides" : "runs.room", room)) : null,
        el(
          "p",
          { class: "tm-help" },
          runs.length ? words("runs.based_on", { runs: runs.join(", ") }) : words("runs.rough"),
        ),
        warnings.map(({ code, needed_gb: needed, free_gb: free }) =>
          el(
            "p",
            { class: "tm-notice" },
            words(`runs.warning.${code}`, { needed: gigabytes(needed), free: gigabytes(free) }),
          ),
        ),
      ),
    ];
  }

  file({ kind, toml }) {
    const text = toml.trim();
    if (text === "") return null;
    return el(
      "details",
      {},
      el("summary", {}, this.words("runs.file", { kind: kindWords(this.tools, kind) })),
      foreignText(el("pre", { class: "tm-toml", tabindex: "0" }), toml),
    );
  }
}
