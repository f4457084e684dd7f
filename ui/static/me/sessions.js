// Where I am logged in, and logging out there.

import { el } from "../page/elements.js";
import { button } from "../page/fields.js";
import { request } from "../page/http.js";
import { momentWords } from "../page/moments.js";
import { doneOrSaid } from "../page/refusals.js";
import { Remote } from "../page/remote.js";
import { section } from "./section.js";

export class Sessions {
  constructor({ words, language, send }) {
    Object.assign(this, { words, language, send });
    this.list = new Remote(
      words,
      () => request(words, "/api/me/sessions"),
      (answer) => this.draw(answer),
    );
  }

  /** The section, which fills by itself. */
  open() {
    this.list.load();
    return section("sessions", this.words("me.sessions"), this.list.element);
  }

  load() {
    return this.list.load();
  }

  draw({ sessions }) {
    const { words } = this;
    const others = sessions.filter((session) => !session.own);
    const failed = el("p", { class: "tm-field-error", role: "alert" });
    const act = (path) =>
      doneOrSaid(failed, async () => {
        await this.send(path);
        await this.list.load();
      });
    const end = () => act("/api/me/sessions/end-others");
    return [
      el(
        "ul",
        { class: "tm-me-sessions" },
        sessions.map((session) => this.row(session, () => act(`/api/me/sessions/${session.id}/end`))),
      ),
      failed,
      others.length === 0
        ? el("p", { class: "tm-help" }, words("me.sessions.only"))
        : el("div", { class: "tm-actions" }, button(words("me.sessions.end_others"), end, { "data-focus": "others" })),
    ];
  }

  row(session, end) {
    const { words, language } = this;
    const seen = words("me.sessions.seen", { at: momentWords(session.seen_at, language) });
    const since = words("me.sessions.since", { at: momentWords(session.created_at, language) });
    const place = session.address ?? words("me.sessions.somewhere");
    return el(
      "li",
      { class: "tm-me-line" },
      el(
        "div",
        {},
        el(
          "p",
          { class: "tm-me-place" },
          words("me.sessions.from", { place }),
          session.own ? el("span", { class: "tm-badge" }, words("me.sessions.here")) : null,
        ),
        el("p", { class: "tm-help" }, seen),
        el("p", { class: "tm-help" }, since),
      ),
      session.own
        ? null
        : button(words("me.sessions.end"), end, {
            class: "tm-button tm-slim",
            "aria-label": words("me.sessions.end_at", { place }),
            "data-focus": `session-${session.id}`,
          }),
    );
  }
}
