// The end of a run's log: it follows while its end is seen, and earlier lines come when they are asked for.

import { el, foreignText } from "../page/elements.js";
import { button } from "../page/fields.js";
import { clockTime, moment } from "../page/figures.js";

const LINES = 100;
const KEPT_LINES = 1000;

export class LogTail {
  constructor(tools) {
    Object.assign(this, tools);
    this.list = el("ol", { class: "tm-log", tabindex: "0", "aria-label": this.words("runs.log") });
    this.earlier = button(this.words("runs.log_earlier"), () => this.back(), { class: "tm-button tm-slim" });
    this.empty = el("p", { class: "tm-empty" }, this.words("runs.no_log"));
    this.failed = el("p", { class: "tm-field-error", role: "alert" });
    this.element = el(
      "section",
      { class: "tm-box tm-stack", "aria-labelledby": "tm-log-title" },
      el("h2", { class: "tm-box-title", id: "tm-log-title" }, this.words("runs.log")),
      this.failed,
      this.earlier,
      this.empty,
      this.list,
    );
  }

  /** Show the log of a run from its end. */
  open(id) {
    Object.assign(this, { id, first: null, last: 0, busy: false, asked: 0 });
    this.list.replaceChildren();
    this.earlier.hidden = true;
    this.empty.hidden = true;
    return this.follow();
  }

  /** All lines that came since; the last ones where none are shown yet. */
  async follow() {
    this.behind = true; // until the end was read: a run that has ended is asked for it again
    this.asked++;
    let read = true;
    while (read && this.behind) {
      const { asked } = this;
      const begins = this.first === null;
      let follows = false;
      read = await this.read(begins ? `limit=${LINES}` : `after=${this.last}&limit=${LINES}`, (lines, more) => {
        follows = begins || this.atEnd;
        this.add(lines);
        if (begins) this.earlier.hidden = !more;
        if (follows) this.trim();
        this.behind = asked !== this.asked || (!begins && more);
      });
      if (follows) this.list.scrollTop = this.list.scrollHeight;
    }
  }

  get atEnd() {
    return this.list.scrollTop + this.list.clientHeight >= this.list.scrollHeight - 30;
  }

  /** The earliest of many lines go; not while somebody reads among them. */
  trim() {
    while (this.list.childElementCount > KEPT_LINES) {
      this.list.firstElementChild.remove();
      this.earlier.hidden = false;
      this.first = Number(this.list.firstElementChild.dataset.line);
    }
  }

  back() {
    return this.read(`before=${this.first}&limit=${LINES}`, (lines, more) => {
      this.list.prepend(...lines.map((line) => this.line(line)));
      this.first = lines[0]?.id ?? this.first;
      this.earlier.hidden = !more;
    });
  }

  /** Resolves to whether lines were read, be they none. */
  async read(query, take) {
    const { id } = this;
    if (this.busy) return false;
    this.busy = true;
    try {
      const { lines, more } = await this.ask(`/api/runs/${id}/log?${query}`);
      if (id !== this.id) return false;
      take(lines, more);
      this.empty.hidden = this.list.childElementCount > 0;
      this.list.hidden = !this.empty.hidden;
      this.failed.textContent = "";
      return true;
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      if (id === this.id) this.failed.textContent = this.words("part.failed", { reason: failure.message });
      return false;
    } finally {
      if (id === this.id) this.busy = false;
    }
  }

  add(lines) {
    if (lines.length === 0) return;
    this.list.append(...lines.map((line) => this.line(line)));
    this.first ??= lines[0].id;
    this.last = lines.at(-1).id;
  }

  line({ id, at, level, text }) {
    return el(
      "li",
      { "data-level": level, "data-line": id },
      el("time", { datetime: at, title: moment(at) }, clockTime(at)),
      foreignText(el("span"), text),
    );
  }
}
