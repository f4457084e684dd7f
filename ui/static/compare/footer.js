// Mine today, my pace, the round's progress, pairs that are ready. Nobody is ranked.

import { el, setText } from "../page/elements.js";

export class Footer {
  constructor(words) {
    this.words = words;
    this.today = el("dd");
    this.pace = el("dd");
    this.round = el("dd");
    this.bar = el("progress", { class: "tm-progress", max: 1, value: 0, "aria-label": words("footer.round") });
    this.ready = el("dd");
    const row = (name, ...values) => el("div", {}, el("dt", {}, words(`footer.${name}`)), values);
    this.paceRow = row("pace", this.pace);
    this.element = el(
      "footer",
      { class: "tm-footer", hidden: true },
      el(
        "dl",
        {},
        row("today", this.today),
        this.paceRow,
        row("round", this.round, el("dd", {}, this.bar)),
        row("ready", this.ready),
      ),
    );
  }

  show({ today, judged, ready, leased, quota, per_hour }) {
    const total = judged + ready + leased;
    setText(this.today, quota === null ? String(today) : this.words("footer.of_quota", { today, quota }));
    this.paceRow.hidden = per_hour === null;
    if (per_hour !== null) setText(this.pace, this.words("footer.pace_value", { count: Math.round(per_hour) }));
    setText(this.round, this.words("footer.round_value", { judged, total }));
    this.bar.max = Math.max(total, 1);
    this.bar.value = judged;
    setText(this.ready, this.words("footer.ready_value", { count: ready + leased }));
    this.element.hidden = false;
  }
}
