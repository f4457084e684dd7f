// Policies and reward models as files for other programs: what was exported, to be downloaded, and exporting a reward.

import { bytesWords } from "../data/words_of.js";
import { acting } from "../page/acting.js";
import { el } from "../page/elements.js";
import { momentWords } from "../page/moments.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";

const LOOK_MILLISECONDS = 2000;
/** What can be exported: the key of its words, kind of run, settings. */
const WAYS = [
  ["module", "reward-export", { format: "module" }],
  ["classifier", "reward-export", { format: "classifier" }],
];

export class Exports {
  constructor(tools) {
    Object.assign(this, tools);
    this.list = new Remote(
      this.words,
      () => this.ask("/api/policies/exports"),
      (answer) => this.draw(answer),
    );
    this.said = el("p", { class: "tm-said", role: "status" });
    this.ways = el(
      "div",
      { class: "tm-actions" },
      WAYS.flatMap(([name, kind, settings]) => this.way(name, kind, settings)),
    );
    this.offer(false);
    this.element = el(
      "section",
      { class: "tm-box" },
      el("h2", { class: "tm-box-title" }, this.words("policies.exports")),
      el("p", { class: "tm-help" }, this.words("policies.exports_about")),
      this.list.element,
      this.ways,
      this.said,
    );
  }

  /** Whether there is a reward model that can be exported. */
  offer(rewarded) {
    this.ways.hidden = !rewarded;
  }

  open() {
    return this.list.load();
  }

  way(name, kind, settings) {
    const { words } = this;
    const start = async () => {
      const { id } = await this.ask("/api/runs", { kind, settings });
      const run = el("a", { class: "tm-inline-link", href: `/runs#${id}` }, words("policies.run", { id }));
      this.said.replaceChildren(words("policies.exports_started"), " ", run);
      this.follow(id, run);
    };
    return acting(words(`policies.export.${name}`), start, { "data-focus": `export-${name}` });
  }

  /**
   * Look again and again until the run has ended: what it wrote is listed then, or how else it ended is said. It goes on
   * where there was no answer, and ends where asking again cannot help, such as after a session that is over.
   */
  async follow(id, run) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
    if (!this.alive() || !run.isConnected) return;
    let status = "queued";
    try {
      ({ status } = await this.ask(`/api/runs/${id}?after_log=${Number.MAX_SAFE_INTEGER}`));
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      if (!failure.passing) return this.said.append(" ", failure.message);
    }
    if (["queued", "running"].includes(status)) return this.follow(id, run);
    this.said.replaceChildren(run, ": ", this.words(`status_of.${status}`));
    await this.list.load();
  }

  draw({ exports }) {
    const { words, language } = this;
    if (exports.length === 0) return el("p", { class: "tm-empty" }, words("policies.no_exports"));
    const columns = ["name", "form", "made", "size", "download"].map((name) => [
      words(`policies.column.${name}`),
      name === "size",
    ]);
    const row = (one) => [
      el("bdi", {}, one.of),
      words(`policies.form.${one.form}`),
      momentWords(one.made_at, language),
      bytesWords(words, one.bytes),
      el(
        "a",
        {
          class: "tm-inline-link",
          href: `/api/policies/exports/${encodeURIComponent(one.name)}`,
          download: `${one.name}.zip`,
        },
        `${one.name}.zip`,
      ),
    ];
    return table(words("policies.exports"), columns, exports.map(row));
  }
}
