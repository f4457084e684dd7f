// The rank board of three to five responses: chips from best to worst, moved by keys, by buttons or by dragging.

import { el, setText } from "../page/elements.js";
import { deviceOf, kbd } from "./buttons.js";
import { ChipDrag } from "./chip_drag.js";

export class Board {
  /** `onAction(action, device)` gets {rank}, {remove}, {tie_at}, {move, to} or "both_bad". */
  constructor(words, { candidates, label, onAction }) {
    this.words = words;
    this.onAction = onAction;
    this.chips = Array.from({ length: candidates }, (_, place) => this.chip(place));
    this.ties = Array.from({ length: candidates }, (_, at) => this.tieButton(at));
    this.ranked = el("div", { class: "tm-ranked", role: "presentation" });
    this.rest = el("div", { class: "tm-unranked", role: "presentation" });
    this.hint = el("p", { class: "tm-board-hint" });
    this.spoken = el("p", { class: "tm-spoken", role: "status", "aria-live": "polite" });
    this.bothBad = el(
      "button",
      {
        type: "button",
        class: "tm-answer tm-answer-both_bad",
        "aria-pressed": "false",
        onclick: (event) => onAction("both_bad", deviceOf(event)),
      },
      el("span", { class: "tm-word" }, words("compare.all_bad")),
      kbd("B"),
    );
    this.element = el(
      "div",
      { class: "tm-board", role: "group", "aria-labelledby": label },
      el("div", { class: "tm-lane" }, this.ranked, this.rest, this.hint),
      this.bothBad,
      this.spoken,
    );
    this.drag = new ChipDrag(this.ranked, this.chips, (place, to) => onAction({ move: place, to }, "pointer"));
  }

  chip(place) {
    const press = (event) => {
      if (this.drag.justDropped) return;
      const isRanked = this.ranked.contains(event.currentTarget);
      this.onAction(isRanked ? { remove: place } : { rank: place }, deviceOf(event));
    };
    const button = el("button", { type: "button", class: "tm-rank-chip", "data-place": place, onclick: press });
    button.append(
      el("span", { class: "tm-number" }, String(place + 1)),
      el("span", { class: "tm-rank-chip-name" }, this.words("compare.response", { n: place + 1 })),
    );
    return button;
  }

  tieButton(at) {
    return el("button", {
      type: "button",
      class: "tm-tie",
      onclick: (event) => this.onAction({ tie_at: at }, deviceOf(event)),
    });
  }

  /** Show a Ranking; the chip that has the focus keeps it. */
  show(ranking, said, isDecision) {
    const focused = document.activeElement;
    const row = ranking.order.flatMap((place, at) => [at > 0 && this.tieAt(ranking, at), this.chips[place]]);
    this.ranked.replaceChildren(...row.filter(Boolean));
    this.rest.replaceChildren(...ranking.rest.map((place) => this.chips[place]));
    this.ranked.hidden = ranking.order.length === 0;
    this.rest.hidden = ranking.complete;
    this.chips.forEach((chip, place) => this.nameChip(chip, ranking, place));
    this.bothBad.hidden = !isDecision;
    this.bothBad.setAttribute("aria-pressed", String(said?.both_bad ?? false));
    setText(this.hint, this.hintFor(ranking));
    if (this.element.contains(focused) || this.chips.includes(focused)) focused.focus({ preventScroll: true });
  }

  tieAt(ranking, at) {
    const button = this.ties[at];
    const tied = ranking.ties[at];
    setText(button, tied ? "=" : ">");
    const [before, after] = [ranking.order[at - 1] + 1, ranking.order[at] + 1];
    button.setAttribute("aria-label", this.words(tied ? "board.tied" : "board.above", { before, after }));
    return button;
  }

  nameChip(chip, ranking, place) {
    const at = ranking.order.indexOf(place);
    const key = at < 0 ? "board.add" : "board.take_back";
    chip.setAttribute("aria-label", this.words(key, { n: place + 1, rank: at + 1 }));
  }

  hintFor(ranking) {
    if (ranking.complete) return "";
    if (ranking.tieNext) return this.words("board.tie_next");
    return this.words(ranking.order.length ? "board.go_on" : "board.begin");
  }

  /** Tell a screen reader how the ranking stands. */
  speak(ranking) {
    const open = ranking.rest.length;
    setText(this.spoken, this.words("board.spoken", { ranking: ranking.text() || "–", open }));
  }
}
