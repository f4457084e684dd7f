// An answer on its way: what is sent, what the page says about it, and what follows.

import { newKey } from "../page/http.js";
import { Outbox } from "./outbox.js";

/** Answers to a question that is not there, or not this person's any more: there is nothing to mend. */
const GONE = [403, 404, 410];

export class Saving {
  constructor(page) {
    this.page = page;
    this.busy = false;
    this.answered = 0;
    this.outbox = new Outbox({
      send: (answer) => page.send(answer),
      storage: localStorage,
      place: page.place,
      onWait: (reason, seconds) => page.failed.show(reason, seconds, this.outbox.waiting),
      onState: (state) => this.onState(state),
    });
  }

  async commit({ fields, device, words: said, signals, view, question }) {
    const { page } = this;
    const answer = {
      comparison: question.comparison,
      shown: question.shown,
      ...fields,
      key: newKey(),
      milliseconds: page.time.milliseconds(),
      input_device: device,
      view,
      asked: page.asking.asked.id,
      guideline: page.guidelines.now?.id ?? null,
      person: page.me.key,
      signals: { ...signals, place: ++this.answered },
    };
    this.busy = true;
    page.desk.busy(true);
    page.status.say(""); // so that the next "saved" is a change, and is spoken
    const slow = setTimeout(() => page.status.say(page.words("status.saving")), 250);
    try {
      const saved = await this.outbox.save(answer);
      this.saved(saved, question, said);
    } catch (failure) {
      this.refused(failure, question);
    } finally {
      clearTimeout(slow);
      this.busy = false;
      page.desk.busy(false);
    }
  }

  saved({ mode, late, feedback }, question, said) {
    const { page } = this;
    page.failed.hide();
    page.drafts.drop(question.comparison);
    page.asking.queue.close(question);
    page.desk.showLast(said);
    if (mode === "saved") page.status.say(page.words(late ? "status.saved_late" : "status.saved"), "good");
    if (!page.frame.alive()) return;
    if (feedback) this.explain(feedback, question, said);
    else page.asking.advance();
  }

  explain(feedback, question, said) {
    const { page } = this;
    page.asking.display(null);
    page.panel.hide();
    page.feedback.show(feedback, { said, shown: question.shown });
  }
}
