// What the page says beside the card: the line of the last answer, a save that failed, the state when there is no pair.

import { el, setText } from "../page/elements.js";

/** One line, spoken by screen readers: saving, saved, taken back, refused. */
export class StatusLine {
  constructor() {
    this.text = el("span");
    this.element = el("p", { class: "tm-status", role: "status", "aria-live": "polite" }, this.text);
  }

  say(text, mood = "calm") {
    setText(this.text, text);
    this.element.dataset.mood = mood;
  }
}

/** The notice that an answer is not saved yet, with the seconds to the next try. */
export class FailedSave {
  constructor(words, onNow) {
    this.words = words;
    this.reason = el("p", {});
    this.element = el(
      "div",
      { class: "tm-failed", role: "alert", hidden: true },
      el("strong", {}, words("failed.title")),
      this.reason,
      el("button", { type: "button", class: "tm-button", onclick: onNow }, words("failed.now")),
    );
  }

  show(reason, seconds) {
    setText(this.reason, this.words("failed.words", { reason, seconds }));
    this.element.hidden = false;
  }

  hide() {
    this.element.hidden = true;
  }
}

/** The place of the card when there is no pair: what is going on, and what to do. */
export class StatePanel {
  constructor(words, onRetry) {
    this.words = words;
    this.onRetry = onRetry;
    this.title = el("h1", { class: "tm-state-title" });
    this.text = el("p", {});
    this.action = el("div", { class: "tm-state-action" });
    this.pulse = el("div", { class: "tm-pulse", "aria-hidden": "true" });
    this.element = el(
      "section",
      { class: "tm-state", role: "status", "aria-live": "polite" },
      this.pulse,
      this.title,
      this.text,
      this.action,
    );
  }

  show(state, values = {}) {
    setText(this.title, this.words(`state.${state}.title`));
    setText(this.text, this.words(`state.${state}.words`, values));
    this.pulse.hidden = !["loading", "none_yet", "others_hold"].includes(state);
    this.action.replaceChildren();
    if (["all_done", "no_prompts", "not_written"].includes(state))
      this.action.append(
        el("a", { class: "tm-button tm-primary", href: "/console" }, this.words("state.all_done.action")),
      );
    if (state === "error")
      this.action.append(
        el("button", { type: "button", class: "tm-button", onclick: this.onRetry }, this.words("state.error.action")),
      );
    this.element.hidden = false;
  }

  hide() {
    this.element.hidden = true;
  }
}

/** The key map as a dialog. */
export function keysDialog(words) {
  const rows = [
    [["←", "1"], "first"],
    [["→", "2"], "second"],
    [["↓", "3"], "tie"],
    [["B"], "both_bad"],
    [["S"], "skip"],
    [["Z"], "undo"],
    [["?"], "keys"],
  ].map(([keys, name]) =>
    el(
      "tr",
      {},
      el(
        "th",
        { scope: "row" },
        keys.flatMap((key, place) => [place ? ` ${words("keys.or")} ` : null, el("kbd", {}, key)]),
      ),
      el("td", {}, words(name === "keys" ? "keys.help" : `keys.${name}`)),
    ),
  );
  const dialog = el("dialog", { class: "tm-dialog", "aria-labelledby": "tm-keys-title" });
  dialog.append(
    el("h2", { id: "tm-keys-title" }, words("keys.title")),
    el("table", {}, el("tbody", {}, rows)),
    el("button", { type: "button", class: "tm-button", onclick: () => dialog.close() }, words("keys.close")),
  );
  return dialog;
}

/** Mine today, the round's progress, pairs that are ready. */
export class Footer {
  constructor(words) {
    this.words = words;
    this.today = el("dd");
    this.round = el("dd");
    this.bar = el("progress", { class: "tm-progress", max: 1, value: 0, "aria-label": words("footer.round") });
    this.ready = el("dd");
    this.element = el(
      "footer",
      { class: "tm-footer", hidden: true },
      el(
        "dl",
        {},
        el("div", {}, el("dt", {}, words("footer.today")), this.today),
        el("div", {}, el("dt", {}, words("footer.round")), this.round, this.bar),
        el("div", {}, el("dt", {}, words("footer.ready")), this.ready),
      ),
    );
  }

  show({ today, judged, ready, leased }) {
    const total = judged + ready + leased;
    setText(this.today, String(today));
    setText(this.round, this.words("footer.round_value", { judged, total }));
    this.bar.max = Math.max(total, 1);
    this.bar.value = judged;
    setText(this.ready, this.words("footer.ready_value", { count: ready + leased }));
    this.element.hidden = false;
  }
}
