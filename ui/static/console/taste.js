// Your taste so far: of a few prompts the sample that the latest reward likes best, and the one that it likes least.

import { el, foreignText } from "../page/elements.js";
import { number } from "../page/figures.js";
import { figure, phrase } from "./figures.js";

export class Taste {
  constructor(tools) {
    this.tools = tools;
    this.shown = "";
    const { words } = tools;
    this.about = el("p", { class: "tm-help" }, words("taste.about"));
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

  update({ taste, reward }) {
    const shown = JSON.stringify([taste, reward?.name]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.empty.hidden = taste.length > 0;
    this.about.hidden = taste.length === 0;
    this.list.replaceChildren(...taste.map((one, place) => this.prompt(one, place + 1)));
  }

  prompt({ prompt, best, worst }, place) {
    return el(
      "li",
      { class: "tm-side-row" },
      foreignText(el("p", { class: "tm-side-prompt" }), prompt),
      el("div", { class: "tm-panes" }, this.side("best", best, place), this.side("worst", worst, place)),
    );
  }

  side(end, { text, score }, place) {
    const { words } = this.tools;
    const shown = figure(this.tools, `taste.${place}.${end}`, number(score));
    return el(
      "section",
      { class: "tm-pane" },
      el(
        "h3",
        { class: "tm-pane-title" },
        words(`taste.${end}`),
        el("span", { class: "tm-side-reward" }, phrase(words, "taste.score", { score: shown })),
      ),
      foreignText(el("div", { class: "tm-response" }), text.trim() === "" ? words("views.empty") : text),
    );
  }
}
