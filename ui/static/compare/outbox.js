// Answers on their way: kept in this browser before anything is shown as done, sent in order until the server has them.
//
//   const outbox = new Outbox({ send, storage: localStorage, place: `${study}:${me.key}`, onWait, onState });
//   outbox.start(signal);                      // sends what an earlier visit left, and goes on when the network is back
//   const { mode, late, feedback } = await outbox.save(answer, { wait: question.training });
//
// `save` resolves to mode "saved" once the server has committed, and to mode "optimistic" as soon as waiting would be
// felt: the answer then lies in the storage and is sent in the background. It rejects with the failure where the answer
// cannot be saved now by this page at all: 401 (log in again), 409 other_person (somebody else is logged in), both of
// which leave it for its owner, or refused for good, which puts it into `refused`.

import { KeptAnswers } from "./kept_answers.js";
import { RoundTrip } from "./round_trip.js";
import { oneTabAtATime } from "./turn.js";

const BACK_OFF_SECONDS = [1, 2, 4, 8, 15];
const PATIENCE_MILLISECONDS = 60; // nobody waits longer than this for a save, however fast the link was so far

export class Outbox {
  /**
   * `send(answer)` resolves to the server's reply after its commit and rejects with {status, code, passing, message}.
   * `onWait(reason, seconds)` is told each second until the next try. `onState(state, event)` is told of every change:
   * state {waiting, refused, trouble}, trouble null | "offline" | "locked" | "other_person", event null or
   * {kind: "saved" | "refused" | "elsewhere" | "sent_elsewhere", answer, reply | failure}: of answers that were sent in
   * the background too, and of those that were given, and then sent, in another tab just now.
   */
  constructor({ send, storage, place, onWait = () => {}, onState = () => {}, seconds = 1000, locks = undefined }) {
    Object.assign(this, { send, onWait, onState, seconds });
    this.kept = new KeptAnswers(storage, place);
    this.inTurn = oneTabAtATime(`tastemaker:sending:${place}`, storage, locks);
    this.roundTrip = new RoundTrip();
    this.trouble = null;
    this.outcomes = new Map(); // key -> {resolve, reject} of those that this page saves
    this.delivering = null;
    this.hurried = () => {};
  }

  /** How many answers are not saved yet, those of other tabs included. */
  get waiting() {
    return this.kept.waiting().length;
  }

  /** The comparisons whose answers are on their way: not to be shown again. */
  get comparisons() {
    return new Set(this.kept.waiting().map(({ answer }) => answer.comparison));
  }

  /** What the server did not accept: [{answer, reason, code, status, at}]. It stays until `forget(key)`. */
  get refused() {
    return this.kept.refused();
  }

  get state() {
    return { waiting: this.waiting, refused: this.refused, trouble: this.trouble };
  }

  /** Send what is left from before, and whatever comes, without anybody waiting for it. */
  start(signal = undefined) {
    const again = () => this.waiting && this.hurry();
    globalThis.addEventListener?.("online", again, { signal });
    globalThis.document?.addEventListener("visibilitychange", () => document.hidden || again(), { signal });
    globalThis.addEventListener?.("storage", (event) => this.changedElsewhere(event), { signal });
    this.hurry();
  }

  /** Save an answer; see above. With `wait` it never turns optimistic: the reply is needed (feedback). */
  save(answer, { wait = false } = {}) {
    const safe = this.kept.add(answer);
    const saved = new Promise((resolve, reject) => this.outcomes.set(answer.key, { resolve, reject }));
    saved.catch(() => {}); // whoever went on is told by onState
    this.tell();
    this.hurry();
    if (wait || !safe) return saved;
    const optimistic = { mode: "optimistic", late: false, feedback: null };
    if (this.roundTrip.slow || this.trouble === "offline") return Promise.resolve(optimistic);
    return Promise.race([saved, after(PATIENCE_MILLISECONDS, optimistic)]);
  }

  /** Resolves once nothing waits any more, or after so many milliseconds; says which. */
  async settled(milliseconds = 15_000) {
    const until = Date.now() + milliseconds;
    this.hurry();
    while (this.waiting && Date.now() < until && this.delivering) await after(20);
    return this.waiting === 0;
  }

  /** Try now instead of after the rest of the wait. */
  hurry() {
    this.more = true;
    this.hurried();
    this.delivering ??= this.deliver().finally(() => {
      this.delivering = null;
      if (this.more) this.hurry(); // an answer that came between the last look and this
    });
    return this.delivering;
  }

  /** The person has read why this one was not accepted. */
  forget(key) {
    this.kept.forget(key);
    this.tell();
  }

  /** Send one that was not accepted once more, after its cause is gone. */
  sendAgain(key) {
    const record = this.refused.find(({ answer }) => answer.key === key);
    if (!record) return;
    this.kept.add(record.answer);
    this.forget(key);
    this.hurry();
  }

  async deliver() {
    let tries = 0;
    while (this.more) {
      this.more = false;
      const failure = await this.inTurn(() => this.sendAll());
      this.trouble = troubleOf(failure);
      this.tell();
      if (failure?.passing) {
        await this.wait(failure.message, BACK_OFF_SECONDS[Math.min(tries++, BACK_OFF_SECONDS.length - 1)]);
        this.more = true;
      } else tries = 0;
    }
  }

  /** Send what waits, in order; the failure that ended it, or null. */
  async sendAll() {
    const stuck = new Set(); // comparisons of which an answer could not be sent: a later one must not overtake it
    let failed = null;
    for (let next; (next = this.kept.waiting().find(({ answer }) => !stuck.has(answer.comparison))); ) {
      const failure = await this.sendOne(next);
      if (failure === null) continue;
      failed = failure;
      if (!blamesTheAnswer(failure)) return failure;
      stuck.add(next.answer.comparison);
    }
    this.settleWhatOthersSent();
    return failed;
  }

  async sendOne({ name, answer }) {
    const begun = performance.now();
    try {
      const reply = await this.send(answer);
      this.roundTrip.note(performance.now() - begun);
      this.kept.remove(name);
      this.finish(answer, { kind: "saved", answer, reply });
      return null;
    } catch (failure) {
      if (isForTheOwner(failure)) {
        for (const { reject } of this.outcomes.values()) reject(failure);
        this.outcomes.clear();
        return failure;
      }
      if (failure.passing) return failure;
      this.kept.refuse(name, answer, failure);
      this.finish(answer, { kind: "refused", answer, failure });
      return null;
    }
  }

  finish(answer, event) {
    const outcome = this.outcomes.get(answer.key);
    this.outcomes.delete(answer.key);
    if (event.kind === "saved")
      outcome?.resolve({ mode: "saved", late: event.reply.late ?? false, feedback: event.reply.feedback ?? null });
    else outcome?.reject(event.failure);
    this.tell(event);
  }

  /** Another tab may have sent ours while it had its turn. */
  settleWhatOthersSent() {
    for (const [key, outcome] of this.outcomes) {
      if (this.kept.has(key)) continue;
      const refusal = this.refused.find(({ answer }) => answer.key === key);
      this.outcomes.delete(key);
      if (refusal) outcome.reject({ ...refusal, message: refusal.reason, passing: false });
      else outcome.resolve({ mode: "saved", late: false, feedback: null });
    }
  }

  changedElsewhere({ key, newValue, oldValue }) {
    if (key !== null && !key.startsWith(this.kept.prefix) && !key.startsWith(this.kept.refusedPrefix)) return;
    const text = key?.startsWith(this.kept.prefix) ? (newValue ?? oldValue) : null;
    this.tell(text && { kind: newValue ? "elsewhere" : "sent_elsewhere", answer: JSON.parse(text) });
  }

  tell(event = null) {
    this.onState(this.state, event);
  }

  async wait(reason, seconds) {
    let hurried = false;
    for (let left = seconds; left > 0 && !hurried; left--) {
      this.onWait(reason, left);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, this.seconds);
        this.hurried = () => {
          hurried = true;
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.hurried = () => {};
  }
}

/** What only the right person, logged in, can mend. */
function isForTheOwner({ status, code }) {
  return status === 401 || code === "other_person";
}

/** Whether the others may still go through: the server answered, and failed at this very one. */
function blamesTheAnswer({ status }) {
  return status >= 500 && status !== 503;
}

function troubleOf(failure) {
  if (failure === null) return null;
  if (failure.code === "other_person") return "other_person";
  return failure.status === 401 ? "locked" : "offline";
}

function after(milliseconds, value = undefined) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, value));
}
