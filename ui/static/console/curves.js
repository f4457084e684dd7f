// Live curves of a training run: reward, KL, length, entropy; or the loss of a reward model.

import { el, setText } from "../page/elements.js";
import { chart } from "../page/chart.js";
import { kindWords } from "./words_of.js";

/** Which readings are drawn, in order: name, digits, unit. */
const READINGS = [
  ["score", 2, ""],
  ["kl_nats", 2, " nats"],
  ["length_tokens", 1, ""],
  ["entropy_nats", 2, " nats"],
  ["loss", 3, ""],
  ["accuracy", 2, ""],
];
const MOST = 4;

export class Curves {
  constructor(tools) {
    Object.assign(this, tools);
    this.tools = tools;
    this.drawn = "";
    this.title = el("h2", { class: "tm-box-title", id: "tm-curves" }, this.words("curves.title"));
    this.empty = el("p", { class: "tm-empty" }, this.words("curves.empty"));
    this.figures = el("div", { class: "tm-figures" });
    this.element = el(
      "section",
      { class: "tm-box", "aria-labelledby": "tm-curves" },
      this.title,
      this.empty,
      this.figures,
    );
  }

  async update({ curve_run: id }) {
    if (id === null || this.asking) return;
    this.asking = true;
    try {
      const run = await this.ask(`/api/runs/${id}`);
      this.draw(run);
    } catch {
      // The next round of questions tries again; the page says when the server does not answer.
    } finally {
      this.asking = false;
    }
  }

  draw(run) {
    const drawn = JSON.stringify([run.id, run.curves]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const shown = READINGS.filter(([name]) => run.curves[name]?.some(([, value]) => typeof value === "number")).slice(
      0,
      MOST,
    );
    setText(this.title, this.words("curves.of", { kind: kindWords(this.tools, run.kind), id: run.id }));
    this.empty.hidden = shown.length > 0;
    setText(this.empty, this.words(shown.length ? "curves.empty" : "curves.none_yet"));
    this.figures.replaceChildren(
      ...shown.map(([name, digits, unit], place) =>
        chart(this.words(`curve.${name}`), run.curves[name], { colour: place + 1, digits, unit }),
      ),
    );
  }
}
