// The compare page: the next pair, an answer, the next pair. It waits for the save: what it shows as saved is durable.

import { el } from "../page/elements.js";
import { openFrame } from "../page/frame.js";
import { newKey, request } from "../page/http.js";
import { Answers } from "./answers.js";
import { Card, SKIP_REASONS } from "./card.js";
import { actionOf } from "./keys.js";
import { FailedSave, Footer, keysDialog, StatePanel, StatusLine } from "./notices.js";
import { QuestionQueue } from "./question_queue.js";
import { VisibleTime } from "./visible_time.js";

const POLL_MILLISECONDS = {
  loading: 300,
  no_prompts: 4000,
  not_written: 4000,
  none_yet: 1500,
  others_hold: 4000,
  all_done: 10000,
  none_in_your_languages: 10000,
  no_match: 15000,
  quota_reached: 15000,
  paused: 15000,
  closed: 15000,
  error: 3000,
};

/** Ranks of the candidates as shown, from left to right. */
const RANKS_SHOWN = { first: [1, 2], second: [2, 1], tie: [1, 1], both_bad: [1, 1] };

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "compare");
  if (frame) await new ComparePage(frame, context).start();
}

class ComparePage {
  constructor(frame, context) {
    const { words, main } = frame;
    this.frame = frame;
    this.words = words;
    this.question = null;
    this.undoing = null; // {key} of an undo that is not confirmed yet: trying again must be the same undo
    this.time = new VisibleTime();
    this.card = new Card(words, (action, device) => this.act(action, device));
    this.status = new StatusLine();
    this.failed = new FailedSave(words, () => this.answers.hurry());
    this.panel = new StatePanel(words, () => this.advance());
    this.footer = new Footer(words);
    this.dialog = keysDialog(words);
    this.queue = new QuestionQueue(
      (limit) => request(words, `/api/questions?limit=${limit}`),
      (progress) => this.footer.show(progress),
    );
    this.answers = new Answers({
      send: (answer) => request(words, "/api/judgments", answer),
      onWait: (reason, seconds) => this.failed.show(reason, seconds),
      store: sessionStorage,
      place: `tastemaker:${context.study}:answer`,
    });
    this.card.element.hidden = true;
    main.append(
      this.panel.element,
      this.card.element,
      el("div", { class: "tm-notices" }, this.failed.element, this.status.element),
      this.footer.element,
      this.dialog,
    );
    this.listen();
  }

  listen() {
    const options = { signal: this.frame.signal };
    document.addEventListener("keydown", (event) => this.onKey(event), options);
    document.addEventListener("visibilitychange", () => this.time.visibility(!document.hidden), options);
  }

  async start() {
    this.panel.show("loading");
    const kept = this.answers.kept();
    if (kept) {
      this.status.say(this.words("status.resending"));
      await this.deliver(kept);
    }
    await this.advance();
  }

  onKey(event) {
    if (!this.frame.alive()) return;
    const action = actionOf(event, this.card.whyOpen ? SKIP_REASONS.length : 0);
    if (this.dialog.open) {
      if (action === "keys") this.dialog.close();
      return;
    }
    if (action === null || (this.card.element.hidden && !["undo", "keys"].includes(action))) return;
    if (action === "close" && !this.card.whyOpen) return;
    event.preventDefault();
    this.act(action, "keyboard");
  }

  act(action, device) {
    if (action === "keys") return this.dialog.showModal();
    if (this.answers.saving || this.undoing?.pending) return this.status.say(this.words("status.refused"), "warn");
    if (action === "undo") return this.undo();
    if (this.question === null) return undefined;
    if (action === "skip") return this.card.askWhy(!this.card.whyOpen);
    if (action === "close") return this.card.askWhy(false);
    if (typeof action === "object")
      return this.answer({ ranks: null, skipped: SKIP_REASONS[action.reason] }, null, device);
    return this.answer({ ranks: this.ranksOf(action), both_bad: action === "both_bad" }, action, device);
  }

  /** Ranks in the order of the comparison's candidates, whichever side each was shown on. */
  ranksOf(action) {
    const ranks = [];
    this.question.shown.forEach((candidate, place) => (ranks[candidate] = RANKS_SHOWN[action][place]));
    return ranks;
  }

  async answer(verdict, action, device) {
    const { question } = this;
    this.undoing = null;
    this.card.mark(action ?? "skip");
    this.status.say(""); // so that the next "saved" is a change, and is spoken
    const slow = setTimeout(() => this.status.say(this.words("status.saving")), 250);
    const saved = await this.deliver({
      comparison: question.comparison,
      shown: question.shown,
      key: newKey(),
      milliseconds: this.time.milliseconds(),
      input_device: device,
      view: "raw",
      ...verdict,
    });
    clearTimeout(slow);
    if (!this.frame.alive() || saved === "locked") return;
    this.queue.close(question);
    await this.advance();
  }

  /** Save; says how it went: "saved", "refused" for good, or "locked" where this tab is no longer let in. */
  async deliver(answer) {
    try {
      await this.answers.save(answer);
      this.status.say(this.words("status.saved"), "good");
      return "saved";
    } catch (failure) {
      if (failure.status === 401) return this.lock();
      this.status.say(this.words("status.not_accepted", { reason: failure.message }), "warn");
      return "refused";
    } finally {
      this.failed.hide();
    }
  }

  /** Show the next pair: at once where it is here, else what is going on until there is one. */
  async advance() {
    clearTimeout(this.poll);
    const next = this.queue.take();
    this.display(next);
    try {
      const state = await this.queue.fill();
      if (this.question !== null || !this.frame.alive()) return;
      const fetched = this.queue.take();
      if (fetched) this.display(fetched);
      else this.waitFor(state === "ready" ? "loading" : state);
    } catch (failure) {
      if (failure.status === 401) this.lock();
      else if (this.question === null) this.waitFor("error", { reason: failure.message });
    }
  }

  display(question) {
    this.question = question;
    this.card.element.hidden = question === null;
    if (question === null) {
      if (this.panel.element.hidden) this.panel.show("loading");
      return;
    }
    this.panel.hide();
    this.card.show(question);
    this.card.toTop();
    this.time.restart(!document.hidden);
  }

  waitFor(state, values = {}) {
    this.panel.show(state, values);
    this.poll = setTimeout(
      () => this.frame.alive() && this.advance(),
      POLL_MILLISECONDS[state] ?? POLL_MILLISECONDS.error,
    );
  }

  lock() {
    clearTimeout(this.poll);
    this.question = null;
    this.card.element.hidden = true;
    this.panel.show("locked");
    return "locked";
  }

  async undo() {
    this.undoing = { key: this.undoing?.key ?? newKey(), pending: true };
    const slow = setTimeout(() => this.status.say(this.words("status.undoing")), 250);
    try {
      const answer = await request(this.words, "/api/undo", { key: this.undoing.key });
      this.undoing = null;
      this.footer.show(answer.progress);
      this.reopen(answer);
    } catch (failure) {
      this.undoing = failure.passing ? { key: this.undoing.key, pending: false } : null;
      if (failure.status === 401) this.lock();
      else this.status.say(this.words("status.undo_failed", { reason: failure.message }), "warn");
    } finally {
      clearTimeout(slow);
    }
  }

  reopen({ undone, question }) {
    if (!undone) return this.status.say(this.words("status.nothing_to_undo"), "warn");
    if (question) {
      clearTimeout(this.poll);
      this.display(this.queue.reopen(question));
    }
    return this.status.say(this.words("status.undone"), "good");
  }
}
