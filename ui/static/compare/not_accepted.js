// Answers that the server did not accept: each with the reason, until the person has read it or sent it again.

import { el } from "../page/elements.js";

export class NotAccepted {
  /** `onAgain(key)` sends one once more, `onForget(key)` takes it off the list: as the outbox does. */
  constructor(words, language, { onAgain, onForget }) {
    Object.assign(this, { words, language, onAgain, onForget });
    this.list = el("ul", { class: "tm-not-accepted-list" });
    this.element = el(
      "section",
      { class: "tm-not-accepted", role: "alert", hidden: true },
      el("strong", {}, words("outbox.not_accepted")),
      this.list,
    );
    this.shown = "";
  }

  /** `refused`: as in the outbox's state. Called at every change; a list that is the same is left as it is. */
  show(refused) {
    const keys = refused.map(({ answer, at }) => `${answer.key} ${at}`).join();
    this.element.hidden = refused.length === 0;
    if (keys === this.shown) return;
    this.shown = keys;
    this.list.replaceChildren(...refused.map((record) => this.row(record)));
  }

  row({ answer, reason, at }) {
    const { words } = this;
    const time = new Date(at).toLocaleTimeString(this.language, { hour: "2-digit", minute: "2-digit" });
    const button = (name, act) =>
      el("button", { type: "button", class: "tm-small", onclick: () => act(answer.key) }, words(`outbox.${name}`));
    return el(
      "li",
      {},
      el("span", { dir: "auto" }, words("outbox.one", { time, reason })),
      button("again", this.onAgain),
      button("forget", this.onForget),
    );
  }
}
