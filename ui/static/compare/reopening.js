// Back to an answer: the last one by an undo, or any of the last 50, to be changed.

import { newKey } from "../page/http.js";
import { besideDecision, draftOf } from "./steps.js";

const WAIT_MILLISECONDS = 5000;

export class Reopening {
  constructor(page) {
    this.page = page;
    this.busy = false;
    this.undoKey = null; // of an undo that is not confirmed yet: trying again must be the same undo
    this.undoAfter = 0; // how many answers there were then: after another one it is another undo
  }

  undo() {
    const { page } = this;
    if (this.undoAfter !== page.saving.answered) this.undoKey = null;
    this.undoAfter = page.saving.answered;
    this.undoKey ??= newKey();
    return this.during({ slow: "status.undoing", failed: "status.undo_failed" }, async () => {
      // The last answer may still be on its way: it is taken back after the server has it.
      const settled = await page.saving.outbox.settled(WAIT_MILLISECONDS);
      if (!settled) return page.status.say(page.words("status.undo_waits"), "warn");
      // In another tab a later answer may have been given: it is not the one that is seen here.
      const meant = page.saving.given.at(-1) ?? null;
      const answer = await page.ask("/api/undo", { key: this.undoKey, answer: meant?.key ?? null });
      this.undoKey = null;
      if (meant) page.saving.takenBack(meant);
      page.footer.show(answer.progress);
      return this.show(answer);
    });
  }

  async show({ undone, question, answer }) {
    const { page } = this;
    if (!undone) return page.status.say(page.words("status.nothing_to_undo"), "warn");
    page.desk.showLast("");
    if (question) {
      // What was written is not written twice: it is a draft again.
      const written = besideDecision(draftOf(answer, question));
      if (written) page.drafts.keep(question.comparison, written);
      await page.asking.reopen(question);
    }
    return page.status.say(page.words(question ? "status.undone" : "status.undone_taken"), "good");
  }

  /** Open one of the last answers; what is saved then replaces it. */
  reopen(comparison) {
    const { page } = this;
    return this.during({ slow: "status.opening", failed: "status.open_failed" }, async () => {
      const { question, answer } = await page.ask(`/api/answers/${comparison}`);
      await page.asking.reopen(question, draftOf(answer, question));
      page.status.say("");
    });
  }

  /** Leave an answer that was opened again as it is. */
  keep() {
    const { page } = this;
    if (!page.former.shown) return undefined;
    page.drafts.drop(page.desk.question.comparison);
    page.asking.queue.close(page.desk.question);
    page.status.say(page.words("status.kept_as_was"));
    return page.asking.advance();
  }

  /** Work that says so where it is slow, and why where it failed. */
  async during(says, work) {
    const { page } = this;
    this.busy = true;
    const slow = setTimeout(() => page.status.say(page.words(says.slow)), 250);
    try {
      await work();
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      if (!failure.passing) this.undoKey = null;
      if (failure.status === 401) page.asking.end();
      else if (failure.code === "other_person") page.asking.otherPerson();
      else page.status.say(page.words(says.failed, { reason: failure.message }), "warn");
    } finally {
      clearTimeout(slow);
      this.busy = false;
    }
  }
}
