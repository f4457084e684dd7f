// Your taste so far: of a few prompts the sample that the latest reward likes best, and the one that it likes least. The
// reward as the last judgments have it, with how sure it is, where a training has not seen them yet.

import { el, foreignText } from "../page/elements.js";
import { number } from "../page/figures.js";
import { figure, phrase } from "./figures.js";

const HALF = 1.96; // of a standard deviation: half of a 95 % interval

export class Taste {
  constructor(tools) {
    this.tools = tools;
    this.shown = "";
    const { words } = tools;
    this.about = el("p", { class: "tm-help" });
    this.list = el("ol", { class: "tm-tastes" });
    this.empty = el("p", { class: "tm-empty" }, words("taste.empty"));
    this.element = el(
      "section",
      { class: "tm-box", "aria-labelledby": "tm-taste" },
      el("h2", { class: "tm-box-title", id: "tm-taste" }, words("taste.title")),
      this.about,
      this.empty,
      this.list,
    );
  }

  update({ taste, taste_judgments: judgments, reward }) {
    const shown = JSON.stringify([taste, judgments, reward?.name]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.empty.hidden = taste.length > 0;
    this.about.hidden = taste.length === 0;
    this.about.replaceChildren(...this.aboutWords(judgments));
    this.list.replaceChildren(...taste.map((one, place) => this.prompt(one, place + 1)));
  }

  aboutWords(judgments) {
    const { words } = this.tools;
    if (judgments === null) return [words("taste.about")];
    return phrase(words, "taste.about_refreshed", { n: figure(this.tools, "taste.judgments", String(judgments)) });
  }

  prompt({ prompt, best, worst }, place) {
    return el(
      "li",
      { class: "tm-side-row" },
      foreignText(el("p", { class: "tm-side-prompt" }), prompt),
      el("div", { class: "tm-panes" }, this.side("best", best, place), this.side("worst", worst, place)),
    );
  }

  side(end, { text, score, deviation }, place) {
    const { words } = this.tools;
    const name = `taste.${place}.${end}`;
    const shown = figure(this.tools, name, number(score));
    const half = deviation === null ? null : figure(this.tools, `${name}_half`, number(HALF * deviation));
    const said = phrase(words, half === null ? "taste.score" : "taste.score_half", { score: shown, half });
    return el(
      "section",
      { class: "tm-pane" },
      el("h3", { class: "tm-pane-title" }, words(`taste.${end}`), el("span", { class: "tm-side-reward" }, said)),
      foreignText(el("div", { class: "tm-response" }), text.trim() === "" ? words("views.empty") : text),
    );
  }
}
