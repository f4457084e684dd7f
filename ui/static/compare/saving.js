// An answer on its way: what is sent, what the page says about it, and what follows.

import { newKey, request } from "../page/http.js";
import { Outbox } from "./outbox.js";
import { draftOf } from "./steps.js";

const SLOW_MILLISECONDS = 250;
/** The question is not there any more, or not for this person: it is not asked again. */
const GONE = [403, 404, 410];

export class Saving {
  constructor(page) {
    this.page = page;
    this.busy = false;
    this.answered = 0;
    this.given = []; // {key, comparison} of the answers of this page, the last one last: an undo means one of these
    this.outbox = new Outbox({
      send: (answer) => request(page.words, "/api/judgments", answer),
      storage: localStorage,
      place: page.place,
      onWait: (reason, seconds) => page.failed.show(reason, seconds, this.outbox.waiting),
      onState: (state, event) => this.onState(state, event),
    });
  }

  /** Send what an earlier visit of this person left here. */
  start(signal) {
    if (this.outbox.waiting) this.say("status.resending", "calm", { count: this.outbox.waiting });
    this.page.notAccepted.show(this.outbox.refused);
    this.outbox.start(signal);
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
      asked: question.asked.id,
      guideline: page.guidelines.now?.id ?? null,
      person: page.me.key,
      signals: { ...signals, place: ++this.answered },
    };
    this.given.push({ key: answer.key, comparison: answer.comparison });
    this.busy = true;
    page.desk.busy(true);
    page.status.say(""); // so that the next "saved" is a change, and is spoken
    const slow = setTimeout(() => this.say("status.saving"), SLOW_MILLISECONDS);
    try {
      const outcome = await this.outbox.save(answer, { wait: question.training });
      this.goOn(outcome, question, said);
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      if (!failure.passing && GONE.includes(failure.status)) page.asking.advance();
    } finally {
      clearTimeout(slow);
      this.busy = false;
      page.desk.busy(false);
    }
  }

  /** It is saved, or kept so that it will be: the next question. */
  goOn({ mode, feedback }, question, said) {
    const { page } = this;
    page.drafts.drop(question.comparison);
    page.asking.queue.close(question);
    page.desk.showLast(said);
    if (mode === "optimistic" && this.outbox.waiting) this.say("status.kept", "calm", { count: this.outbox.waiting });
    if (!page.frame.alive()) return;
    if (feedback) this.explain(feedback, question, said);
    else page.asking.advance();
  }

  explain(feedback, question, said) {
    const { page } = this;
    page.asking.rest();
    page.feedback.show(feedback, { said, shown: question.shown });
  }

  /** Told of every change of what is on its way, whether somebody waits for it or not. */
  onState({ waiting, refused, trouble }, event) {
    const { page } = this;
    page.notAccepted.show(refused);
    if (trouble !== "offline") page.failed.hide();
    if (trouble === "locked") page.asking.end();
    if (trouble === "other_person") page.asking.otherPerson();
    if (event) this[event.kind](event, waiting);
  }

  saved({ answer, reply }, waiting) {
    const { page } = this;
    page.asking.queue.settle(answer.comparison);
    if (reply.late) this.say("status.saved_late", "warn");
    else if (waiting) this.say("status.saved_some", "good", { count: waiting });
    else this.say("status.saved", "good");
    if (!waiting && !this.busy) page.asking.refresh(); // what was fetched meanwhile did not know of it
    page.asking.backAgain();
  }

  /** What the server did not take for good stays on the list with its reason; what was said is not lost either. */
  refused({ answer, failure }) {
    const { page } = this;
    this.given = this.given.filter(({ key }) => key !== answer.key);
    if (failure.code === "asked_changed") return this.askAnew(answer);
    this.say("status.not_accepted", "warn", { reason: failure.message });
    if (GONE.includes(failure.status)) return page.asking.queue.close(answer);
    // It is on the screen still, to be mended there.
    if (page.desk.question?.comparison === answer.comparison) return this.outbox.forget(answer.key);
    page.drafts.keep(answer.comparison, draftOf(answer, answer));
    return page.asking.queue.again(answer.comparison);
  }

  /** What is asked changed since the question was handed out: it comes again, with what was said about it so far. */
  askAnew(answer) {
    const { page } = this;
    this.outbox.forget(answer.key);
    if (page.desk.question?.comparison !== answer.comparison)
      page.drafts.keep(answer.comparison, draftOf(answer, answer));
    this.say("status.asked_changed", "warn");
    page.asking.anew(answer.comparison);
  }

  /** Given in another tab of this browser just now: nothing is asked here that was answered there. */
  elsewhere({ answer }) {
    const { page } = this;
    const shown = page.desk.question?.comparison === answer.comparison;
    page.asking.queue.close(answer);
    if (!shown) return;
    page.drafts.drop(answer.comparison);
    this.say("status.elsewhere", "warn");
    page.asking.advance();
  }

  /** Another tab of this browser has sent it. */
  sent_elsewhere({ answer }) {
    this.page.asking.queue.settle(answer.comparison);
  }

  /** A pair of which no answer of this page stands any more. */
  takenBack({ comparison }) {
    this.given = this.given.filter((each) => each.comparison !== comparison);
  }

  say(key, mood = "calm", values = {}) {
    this.page.status.say(this.page.words(key, values), mood);
  }
}
