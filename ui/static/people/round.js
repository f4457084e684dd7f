// The round: how far it is, who holds questions now; pausing, closing and opening it again while people work.

import { askBack } from "../page/dialog.js";
import { el } from "../page/elements.js";
import { button } from "../page/fields.js";
import { Remote } from "../page/remote.js";

const NEXT = { open: ["paused", "closed"], paused: ["open", "closed"], closed: ["open"] };

export class Round {
  constructor(tools) {
    Object.assign(this, tools);
    this.list = new Remote(
      this.words,
      () => this.ask("/api/round"),
      (answer) => this.draw(answer),
    );
    this.element = el("div", { class: "tm-listed" }, this.list.element);
  }

  open() {
    return this.list.load();
  }

  draw({ number, state, ready, judged, total, holding }) {
    const { words } = this;
    const figures = [
      [words("people.round.state"), words(`people.round.is_${state}`)],
      [words("people.round.judged"), words("people.round.of", { judged, total })],
      [words("people.round.ready"), String(ready)],
      [words("people.round.holding"), words("people.round.hold", holding)],
    ];
    return el(
      "section",
      { class: "tm-box" },
      el("h2", { class: "tm-box-title" }, words("people.round.title", { number })),
      el(
        "dl",
        { class: "tm-figures-of" },
        figures.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
      ),
      el(
        "div",
        { class: "tm-actions" },
        NEXT[state].map((to) => this.change(to, holding)),
        el("a", { class: "tm-button", href: "/api/work.csv", download: "work.csv" }, words("people.round.work")),
      ),
    );
  }

  change(state, holding) {
    const { words } = this;
    const act = () => this.ask("/api/round", { state });
    const press = async () => {
      const lines = [words(`people.round.${state}_means`), words("people.round.hold", holding)];
      const title = words(`people.round.to_${state}`);
      await askBack(words, this.root, { title, lines, confirm: title, act, danger: state === "closed" });
      await this.list.load();
    };
    return button(words(`people.round.to_${state}`), press, { "data-focus": `round-${state}` });
  }
}
