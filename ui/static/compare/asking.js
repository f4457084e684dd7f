// From question to question: the next one at once where it is here, else what is going on until there is one.

import { consent } from "./consent.js";
import { keepFocus } from "./focus.js";
import { Lease } from "./leases.js";
import { QuestionQueue } from "./question_queue.js";

const POLL_MILLISECONDS = {
  loading: 300,
  none_yet: 1500,
  error: 3000,
  no_prompts: 4000,
  none_started: 4000,
  not_written: 4000,
  others_hold: 4000,
  all_done: 10_000,
  none_in_your_languages: 10_000,
};
const SELDOM_MILLISECONDS = 15_000;
const OUTSIDE = ["session_ended", "locked", "other_person"];
const NEVER = [...OUTSIDE, "consent_needed"]; // the person acts first
const [AHEAD, AHEAD_ON_SLOW_LINKS] = [4, 8]; // the one on the screen is among them

export class Asking {
  constructor(page) {
    this.page = page;
    this.turn = 0; // counts what was begun: an answer of the server to what is over changes nothing
    this.asked = null; // what the study asks, as the server said last
    const { outbox } = page.saving;
    this.queue = new QuestionQueue(
      (limit) => this.fetch(limit),
      (progress) => page.footer.show(progress),
      {
        pending: () => outbox.comparisons,
        ahead: () => (outbox.roundTrip.slow ? AHEAD_ON_SLOW_LINKS : AHEAD),
      },
    );
    this.lease = new Lease({
      renew: (comparison) => page.ask("/api/renew", { comparison }),
      onLost: () => page.lost.show(true),
    });
  }

  /** What is asked beside the decision: {criteria, rationale, improve}, whether each is. */
  get asks() {
    const needs = this.page.desk.question?.needs ?? {};
    const asked = ([name, need]) => [name, need !== "off" && (name !== "criteria" || this.asked.criteria.length > 0)];
    return Object.fromEntries(Object.entries(needs).map(asked));
  }

  async fetch(limit) {
    const answer = await this.page.ask(
      `/api/questions?limit=${limit}&language=${this.page.frame.language}&person=${this.page.me.key}`,
    );
    this.asked = answer.asked;
    this.secondsLeft = answer.seconds_left;
    this.page.guidelines.now = answer.guideline;
    this.refreshTools();
    // Each question keeps what was asked when it was fetched: that is what its answer is an answer to.
    return { ...answer, questions: answer.questions.map((question) => ({ ...question, asked: answer.asked })) };
  }

  /** Show the next question: at once where it is here. */
  async advance() {
    const mine = this.begin();
    const { page, queue } = this;
    this.display(queue.take());
    try {
      const state = await queue.fill();
      if (mine !== this.turn || page.desk.question !== null || page.feedback.open || !page.frame.alive()) return;
      const fetched = queue.take();
      if (fetched) this.display(fetched);
      else await this.waitFor(state === "ready" ? "loading" : state);
    } catch (failure) {
      if (mine === this.turn) this.failed(failure);
      else if (!("status" in failure)) throw failure;
    }
  }

  /** Fetch again what stands beside the question: how far the round is, what comes next. */
  async refresh() {
    try {
      await this.queue.fill();
    } catch (failure) {
      this.failed(failure);
    }
  }

  begin() {
    clearTimeout(this.poll);
    return ++this.turn;
  }

  failed(failure) {
    if (!("status" in failure)) throw failure;
    if (failure.status === 401) this.end();
    else if (failure.code === "other_person") this.otherPerson();
    else if (this.page.desk.question === null && !this.page.feedback.open)
      this.waitFor("error", { reason: failure.message });
  }

  /** `former`: what was said about it before, where it is an old answer that is opened again. */
  display(question, former = null) {
    const { page } = this;
    const { desk, panel } = page;
    page.lost.show(false);
    page.former.show(former !== null);
    this.lease.hold(question);
    if (question === null) {
      desk.hide();
      if (panel.element.hidden) panel.show("loading");
      return;
    }
    panel.hide();
    page.feedback.hide();
    desk.open(question, page.drafts.of(question.comparison) ?? former);
    page.time.restart(!document.hidden && !page.isPaused);
    keepFocus(desk.card.element);
  }

  /** Show an answered question again, before the one that is on the screen, which comes next. */
  async reopen(question, former = null) {
    if (this.asked === null) await this.queue.fill(); // the page never got through yet
    this.begin();
    this.display(this.queue.reopen({ ...question, asked: this.asked }), former);
  }

  /** The answer was a check question's in training: its texts stay beside what the expert said. */
  rest() {
    this.lease.drop();
    this.page.former.show(false);
    this.page.desk.rest();
    this.refresh();
  }

  afterFeedback() {
    this.page.feedback.hide();
    return this.advance();
  }

  async waitFor(state, values = {}) {
    const { page } = this;
    this.begin();
    this.display(null);
    page.feedback.hide();
    if (state !== "consent_needed") page.panel.show(state, { ...values, secondsLeft: this.secondsLeft });
    else if (page.panel.state !== state) await this.askConsent();
    if (NEVER.includes(state)) return;
    const wait = POLL_MILLISECONDS[state] ?? SELDOM_MILLISECONDS;
    this.poll = setTimeout(() => page.frame.alive() && this.advance(), wait);
  }

  async askConsent() {
    const { page } = this;
    try {
      const parts = await consent(page.words, page.frame.language, {
        onAgreed: () => this.advance(),
        onFailed: (reason) => page.status.say(reason, "warn"),
      });
      page.panel.show("consent_needed", {}, parts);
    } catch (failure) {
      this.failed(failure);
    }
  }

  /** This browser is no longer let in: log in again, or open the address that the server printed. */
  end() {
    this.stop(this.page.me.accounts ? "session_ended" : "locked");
  }

  /** Somebody else is logged in by now: nothing of this person's is sent or shown under the other's name. */
  otherPerson() {
    this.stop("other_person", { name: this.page.me.name });
  }

  stop(state, values = {}) {
    if (this.page.panel.state !== state) this.waitFor(state, values);
  }

  /** An answer went through although this page was outside: it goes on. */
  backAgain() {
    if (OUTSIDE.includes(this.page.panel.state)) this.advance();
  }

  /** What is asked has changed: the questions are fetched anew, this one first, after the one on the screen if any. */
  async anew(comparison) {
    const { queue, page } = this;
    const another = page.desk.question !== null && page.desk.question.comparison !== comparison;
    queue.again(comparison);
    if (!another) {
      page.desk.question = null; // it is taken from the screen, and comes again as it is asked now
      queue.shown = null;
    }
    await this.refresh();
    queue.first(comparison);
    if (!another) await this.advance();
  }

  retry() {
    const reload = ["other_person", "locked"].includes(this.page.panel.state) || !this.page.me.key;
    return reload ? location.reload() : this.advance();
  }

  /** Mark the guidelines' button where there is something new in them. */
  refreshTools() {
    this.page.desk.showNews(this.page.guidelines.news);
  }
}
