// From question to question: the next one at once where it is here, else what is going on until there is one.

import { consent } from "./consent.js";
import { Lease } from "./leases.js";
import { QuestionQueue } from "./question_queue.js";

const POLL_MILLISECONDS = {
  loading: 300,
  none_yet: 1500,
  error: 3000,
  no_prompts: 4000,
  not_written: 4000,
  others_hold: 4000,
  all_done: 10_000,
  none_in_your_languages: 10_000,
};
const SELDOM_MILLISECONDS = 15_000;
const NEVER = ["session_ended", "locked", "other_person", "consent_needed"]; // the person acts first

export class Asking {
  constructor(page) {
    this.page = page;
    this.asked = null;
    this.queue = new QuestionQueue(
      (limit) => this.fetch(limit),
      (progress) => page.footer.show(progress),
    );
    this.lease = new Lease({
      renew: (comparison) => page.ask("/api/renew", { comparison }),
      onLost: () => page.lost.show(true),
    });
  }

  async fetch(limit) {
    const answer = await this.page.ask(`/api/questions?limit=${limit}&language=${this.page.frame.language}`);
    this.asked = answer.asked;
    this.page.guidelines.now = answer.guideline;
    this.refreshTools();
    return answer;
  }

  /** Show the next question: at once where it is here. */
  async advance() {
    clearTimeout(this.poll);
    const { page, queue } = this;
    this.display(queue.take());
    try {
      const state = await queue.fill();
      if (page.desk.question !== null || page.feedback.open || !page.frame.alive()) return;
      const fetched = queue.take();
      if (fetched) this.display(fetched);
      else await this.waitFor(state === "ready" ? "loading" : state);
    } catch (failure) {
      this.failed(failure);
    }
  }

  failed(failure) {
    if (!("status" in failure)) throw failure;
    if (failure.status === 401) this.end();
    else if (this.page.desk.question === null) this.waitFor("error", { reason: failure.message });
  }

  display(question, draft = null) {
    const { page } = this;
    const { desk, panel } = page;
    page.lost.show(false);
    page.former.show(Boolean(draft));
    this.lease.hold(question);
    if (question === null) {
      desk.hide();
      if (panel.element.hidden) panel.show("loading");
      return;
    }
    panel.hide();
    desk.open(question, this.asked, page.drafts.of(question.comparison) ?? draft);
    page.time.restart(!document.hidden && !page.isPaused);
    if (document.activeElement === document.body) desk.focus();
  }

  /** The answer was a check question's in training: the next one comes when the person has read what the expert said. */
  afterFeedback() {
    this.page.feedback.hide();
    return this.advance();
  }

  async waitFor(state, values = {}) {
    const { page } = this;
    this.display(null);
    if (state !== "consent_needed") page.panel.show(state, values);
    else await this.askConsent();
    if (NEVER.includes(state)) return;
    const wait = POLL_MILLISECONDS[state] ?? SELDOM_MILLISECONDS;
    this.poll = setTimeout(() => page.frame.alive() && this.advance(), wait);
  }

  async askConsent() {
    const { page } = this;
    const parts = await consent(page.words, page.frame.language, {
      onAgreed: () => this.advance(),
      onFailed: (reason) => page.status.say(reason, "warn"),
    });
    page.panel.show("consent_needed", {}, parts);
  }

  /** This browser is no longer let in: log in again, or open the address that the server printed. */
  end() {
    return this.waitFor(this.page.me.accounts ? "session_ended" : "locked");
  }

  /** Somebody else is logged in by now: nothing of this person's is sent or shown under the other's name. */
  otherPerson() {
    return this.waitFor("other_person", { name: this.page.me.name });
  }

  /** What is asked has changed: the same questions anew, with what was said about them so far. */
  anew() {
    this.queue.waiting = [];
    this.queue.shown = null;
    return this.advance();
  }

  retry() {
    const reload = ["other_person", "locked"].includes(this.page.panel.state);
    return reload ? location.reload() : this.advance();
  }

  /** Mark the guidelines' button where there is something new in them. */
  refreshTools() {
    this.page.desk.showNews(this.page.guidelines.news);
  }
}
