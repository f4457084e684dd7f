// Back to an answer: the last one by an undo, or any of the last 50, to be changed.

import { draftOf } from "./steps.js";

export class Reopening {
  constructor(page) {
    this.page = page;
    this.busy = false;
    this.undoKey = null; // of an undo that is not confirmed yet: trying again must be the same undo
  }

  async undo() {
    const { page } = this;
    if (page.saving.outbox.waiting > 0) {
      page.saving.outbox.hurry();
      return page.status.say(page.words("status.undo_waits"), "warn");
    }
    this.undoKey ??= page.newKey();
    return this.during("status.undoing", async () => {
      const answer = await page.ask("/api/undo", { key: this.undoKey });
      this.undoKey = null;
      page.footer.show(answer.progress);
      this.show(answer);
    });
  }

  show({ undone, question }) {
    const { page } = this;
    if (!undone) return page.status.say(page.words("status.nothing_to_undo"), "warn");
    page.feedback.hide();
    page.desk.showLast("");
    if (question) page.asking.reopen(question);
    return page.status.say(page.words("status.undone"), "good");
  }

  /** Open one of the last answers; what is saved then replaces it. */
  reopen(comparison) {
    const { page } = this;
    return this.during("status.opening", async () => {
      const { question, answer } = await page.ask(`/api/answers/${comparison}`);
      page.feedback.hide();
      page.asking.reopen(question, draftOf(answer, question));
      page.status.say("");
    });
  }

  /** Leave an answer that was opened again as it is. */
  keep() {
    const { page } = this;
    if (!page.former.shown) return undefined;
    page.drafts.drop(page.desk.question.comparison);
    page.asking.queue.close(page.desk.question);
    page.status.say(page.words("status.kept"));
    return page.asking.advance();
  }

  async during(slowWords, work) {
    const { page } = this;
    this.busy = true;
    const slow = setTimeout(() => page.status.say(page.words(slowWords)), 250);
    try {
      await work();
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      if (!failure.passing) this.undoKey = null;
      if (failure.status === 401) page.asking.end();
      else if (failure.code === "other_person") page.asking.otherPerson();
      else page.status.say(page.words("status.undo_failed", { reason: failure.message }), "warn");
    } finally {
      clearTimeout(slow);
      this.busy = false;
    }
  }
}
