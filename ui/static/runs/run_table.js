// All runs, the newest first: filtered and paged on the server; tick some to compare them.

import { el } from "../page/elements.js";
import { button, choice, field } from "../page/fields.js";
import { duration, moment } from "../page/figures.js";
import { MOST_LINES } from "../page/chart.js";
import { pager } from "../page/pager.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";
import { kindWords } from "../page/run_words.js";
import { listAddress } from "./address.js";
import { isActive, madeWords, progressWords, runLink, runWords, statusChip } from "./words.js";

const SIZE = 20;
const KINDS = [
  "sample",
  "train-reward",
  "train-policy",
  "evaluate",
  "policy-export",
  "policy-import",
  "reward-export",
  "score",
];
const STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"];

export class RunTable {
  constructor(tools) {
    Object.assign(this, tools);
    this.tools = tools;
    this.chosen = { kind: "", status: "", page: 0 };
    this.ticked = new Set();
    this.list = new Remote(
      this.words,
      () => this.ask(`/api/runs?${this.query()}`),
      (answer) => this.draw(answer),
      { quiet: true },
    );
    this.compare = button(this.words("runs.compare"), () => this.showCompared(), { class: "tm-button tm-slim" });
    this.element = el("div", { class: "tm-stack" }, this.filters(), el("div", { class: "tm-box" }, this.list.element));
  }

  open({ kind, status, page }) {
    this.chosen = { kind: KINDS.includes(kind) ? kind : "", status: STATUSES.includes(status) ? status : "", page };
    this.kind.input.value = this.chosen.kind;
    this.status.input.value = this.chosen.status;
    this.tick();
    return this.list.load();
  }

  update() {
    return this.list.load();
  }

  query() {
    const { kind, status, page } = this.chosen;
    const values = Object.entries({ kind, status, page, size: SIZE }).filter(([, value]) => value !== "");
    return String(new URLSearchParams(values));
  }

  filters() {
    const { words } = this;
    const every = [["", words("runs.any")]];
    const change = (changed) => this.go({ ...this.chosen, ...changed, page: 0 });
    const kinds = choice([...every, ...KINDS.map((kind) => [kind, kindWords(this.tools, kind)])], "");
    const statuses = choice([...every, ...STATUSES.map((each) => [each, words(`status_of.${each}`)])], "");
    kinds.addEventListener("change", () => change({ kind: kinds.value }));
    statuses.addEventListener("change", () => change({ status: statuses.value }));
    this.kind = field(words("runs.column.kind"), kinds);
    this.status = field(words("runs.column.status"), statuses);
    return el("div", { class: "tm-filters", role: "search" }, this.kind.element, this.status.element, this.compare);
  }

  go(chosen) {
    const address = listAddress(chosen);
    if (location.hash === address || (address === "#" && location.hash === "")) this.open(chosen);
    else location.hash = address;
  }

  draw({ runs, total }) {
    const { words } = this;
    if (total === 0) {
      const filtered = this.chosen.kind || this.chosen.status;
      return el("p", { class: "tm-empty" }, words(filtered ? "runs.none_fits" : "runs.empty"));
    }
    if (runs.length === 0) {
      this.go({ ...this.chosen, page: Math.ceil(total / SIZE) - 1 });
      return null;
    }
    const columns = ["compare_one", "run", "status", "asked", "took", "made"];
    return [
      table(
        words("runs.all"),
        columns.map((name) => [words(`runs.column.${name}`), false]),
        runs.map((run) => this.row(run)),
      ),
      pager(words, { page: this.chosen.page, size: SIZE, total }, (page) => this.go({ ...this.chosen, page })),
    ];
  }

  row(run) {
    const { words } = this;
    const box = el("input", {
      type: "checkbox",
      checked: this.ticked.has(run.id),
      disabled: run.started_at === null,
      "aria-label": words("runs.tick", { run: runWords(this.tools, run) }),
      "data-focus": `tick-${run.id}`,
      onchange: () => {
        if (box.checked) this.ticked.add(run.id);
        else this.ticked.delete(run.id);
        this.tick();
      },
    });
    const { step, steps } = run.progress;
    const bar =
      run.status === "running" && steps > 0
        ? el("progress", { class: "tm-progress", max: steps, value: step, "aria-label": runWords(this.tools, run) })
        : null;
    const warned = run.alarm_codes.length ? el("span", { class: "tm-chip" }, "⚠ ", words("runs.with_alarms")) : null;
    const how = isActive(run) ? el("span", { class: "tm-run-state" }, progressWords(this.tools, run)) : null;
    return [
      box,
      runLink(this.tools, run),
      [statusChip(this.tools, run.status), warned, bar, how].filter(Boolean),
      moment(run.created_at),
      run.seconds === null ? "–" : duration(words, run.seconds),
      madeWords(this.tools, run.published) || (run.retries ? words("runs.again_of", { id: run.retries }) : "–"),
    ].map((cell) => (Array.isArray(cell) ? el("div", { class: "tm-run-cell" }, cell) : cell));
  }

  tick() {
    const n = this.ticked.size;
    this.compare.textContent = n < 2 ? this.words("runs.compare") : this.words("runs.compare_n", { n });
    this.compare.title = n > MOST_LINES ? this.words("runs.compare_most", { n: MOST_LINES }) : "";
    this.compare.setAttribute("aria-disabled", String(n < 2 || n > MOST_LINES));
  }

  showCompared() {
    if (this.compare.getAttribute("aria-disabled") === "true") return;
    location.hash = `compare=${[...this.ticked].sort((a, b) => a - b).join(",")}`;
  }
}
