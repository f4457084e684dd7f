// A run that ended while the page was not looked at is told in its title, and stays there until somebody looks.

import { kindWords } from "../page/run_words.js";

const SIGNS = { succeeded: "✓", failed: "✗", cancelled: "■" };

/** Runs of `now` that have ended, of those that had not in `before` (a map of id to status). */
export function endedSince(before, now) {
  return now.filter(({ id, status }) => ["queued", "running"].includes(before.get(id)) && status in SIGNS);
}

/** The title that tells of ended runs; the page's own where there are none. */
export function titleOf(tools, ended, own) {
  if (ended.length === 0) return own;
  const { id, kind, status } = ended.at(-1);
  const more = ended.length > 1 ? `(${ended.length}) ` : "";
  return `${more}${SIGNS[status]} ${kindWords(tools, kind)} ${id} · ${own}`;
}

export class Notice {
  /** `tell(runs)` is called for runs that just ended, whether the page is looked at or not. */
  constructor(tools, tell) {
    Object.assign(this, { tools, tell, known: new Map(), unseen: [], own: document.title });
    const look = () => this.looked();
    document.addEventListener("visibilitychange", look, { signal: tools.signal });
    window.addEventListener("focus", look, { signal: tools.signal });
  }

  /** The latest runs as they stand now. */
  update(runs) {
    const ended = endedSince(this.known, runs);
    for (const { id, status } of runs) this.known.set(id, status);
    if (ended.length === 0) return;
    this.tell(ended);
    if (!document.hidden && document.hasFocus()) return;
    this.unseen.push(...ended);
    document.title = titleOf(this.tools, this.unseen, this.own);
  }

  looked() {
    if (document.hidden) return;
    this.unseen = [];
    document.title = this.own;
  }
}
