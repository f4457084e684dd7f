// Several runs in one plot a reading: the same step stands at the same place.

import { el } from "../page/elements.js";
import { legend, MOST_LINES, numbersOf, plot } from "../page/chart.js";
import { duration } from "../page/figures.js";
import { Remote } from "../page/remote.js";
import { runsOverKl } from "./over_kl.js";
import { drawable, isActive, madeWords, readingsOf, readingWords, runLink, runWords, statusChip } from "./words.js";

export class Compare {
  constructor(tools) {
    Object.assign(this, tools);
    this.tools = tools;
    this.ids = [];
    this.remote = new Remote(
      this.words,
      () => this.ask(`/api/curves?${this.ids.map((id) => `runs=${id}`).join("&")}`),
      (answer) => this.draw(answer),
      { quiet: true },
    );
    this.element = this.remote.element;
  }

  open({ ids }) {
    this.ids = ids.slice(0, MOST_LINES);
    this.remote.clear();
    if (this.ids.length > 0) return this.remote.load();
    this.remote.show(el("p", { class: "tm-empty" }, this.words("runs.compare_none")));
    return undefined;
  }

  /** Drawn anew while one of them is at work. */
  update() {
    if (this.ids.length > 0 && this.active) this.remote.load();
  }

  draw({ runs }) {
    this.active = runs.some(isActive);
    const { words } = this;
    const about = (run) =>
      el(
        "span",
        { class: "tm-legend-run" },
        runLink(this.tools, run),
        statusChip(this.tools, run.status),
        [run.seconds === null ? "" : duration(words, run.seconds), madeWords(this.tools, run.published)]
          .filter(Boolean)
          .join(" · "),
      );
    const readings = readingsOf(runs.map(({ curves }) => curves));
    return [
      el(
        "section",
        { class: "tm-box", "aria-labelledby": "tm-compared" },
        el("h2", { class: "tm-box-title", id: "tm-compared" }, words("runs.compared", { n: runs.length })),
        legend(words("runs.legend"), runs.map(about)),
        readings.length === 0 ? el("p", { class: "tm-empty" }, words("runs.no_curves")) : null,
        el(
          "div",
          { class: "tm-figures" },
          readings.map((reading) => this.figure(reading, runs)),
          runsOverKl(this.tools, runs),
        ),
      ),
    ];
  }

  figure([name, digits, unit], runs) {
    const title = readingWords(this.tools, name);
    const series = runs.map((run) => ({ name: runWords(this.tools, run), points: run.curves[name] ?? [] }));
    return el(
      "div",
      {},
      plot(title, series, { digits, unit }),
      numbersOf(
        this.words("runs.numbers", { title }),
        this.words("runs.step"),
        series.filter(({ points }) => drawable(points)),
        digits + 1,
      ),
    );
  }
}
