// The compare page: it builds its parts, listens, and hands each key or press to the part that it is meant for.

import { el } from "../page/elements.js";
import { openFrame } from "../page/frame.js";
import { request } from "../page/http.js";
import { answersDialog } from "./answers_dialog.js";
import { Asking } from "./asking.js";
import { Desk } from "./desk.js";
import { Drafts } from "./drafts.js";
import { Feedback } from "./feedback.js";
import { flagDialog } from "./flag_dialog.js";
import { keepFocus } from "./focus.js";
import { Footer } from "./footer.js";
import { Guidelines } from "./guidelines.js";
import { actionOf, isControl, leavesField } from "./key_map.js";
import { keysDialog } from "./keys_dialog.js";
import { NotAccepted } from "./not_accepted.js";
import { FailedSave, Notice, StatusLine } from "./notices.js";
import { Pause } from "./pause.js";
import { Reopening } from "./reopening.js";
import { Saving } from "./saving.js";
import { StatePanel } from "./state_panel.js";
import { VisibleTime } from "./visible_time.js";

const DIALOGS = ["keys", "guidelines", "pause", "flag", "answers"];
const WITHOUT_QUESTION = [...DIALOGS.filter((name) => name !== "flag"), "undo"];
const AGAIN_MILLISECONDS = 5000;

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "compare");
  if (frame) await new ComparePage(frame, context).start();
}

class ComparePage {
  constructor(frame, context) {
    const { words, me } = frame;
    Object.assign(this, { frame, words, me });
    this.place = `${context.study}:${me.key}`; // what is kept in this browser is one person's of one study
    this.time = new VisibleTime();
    this.status = new StatusLine();
    this.drafts = new Drafts(localStorage, this.place);
    this.guidelines = new Guidelines(words, { storage: localStorage, place: this.place, language: frame.language });
    this.panel = new StatePanel(words, me.role, () => this.asking.retry());
    this.feedback = new Feedback(words, (action, device) => this.act(action, device));
    this.footer = new Footer(words);
    this.pause = new Pause(words, (paused) => this.paused(paused));
    this.buildNotices();
    this.holder = el("div", { class: "tm-card-place" });
    this.desk = new Desk(words, this.holder, {
      onAction: (action, device) => this.act(action, device),
      onCommit: (answer) => this.saving.commit(answer),
      onDraft: (question, draft) => this.draft(question, draft),
      onSay: (key) => this.status.say(words(key), "warn"),
      memory: { storage: localStorage, place: this.place },
    });
    this.saving = new Saving(this);
    this.asking = new Asking(this);
    this.reopening = new Reopening(this);
    frame.main.append(
      this.panel.element,
      this.notices,
      this.holder,
      this.feedback.element,
      this.status.element,
      this.footer.element,
      this.pause.element,
    );
    this.listen();
  }

  buildNotices() {
    const { words } = this;
    this.lost = new Notice(words("notice.lost"));
    this.former = new Notice(words("notice.former"), {
      words: words("notice.keep"),
      key: "Esc",
      press: (device) => this.act("close", device),
    });
    this.failed = new FailedSave(words, () => this.saving.outbox.hurry());
    this.notAccepted = new NotAccepted(words, this.frame.language, {
      onAgain: (key) => this.saving.outbox.sendAgain(key),
      onForget: (key) => this.saving.outbox.forget(key),
    });
    const all = [this.failed, this.notAccepted, this.former, this.lost].map((notice) => notice.element);
    this.notices = el("div", { class: "tm-notices" }, all);
  }

  listen() {
    const options = { signal: this.frame.signal };
    document.addEventListener("keydown", (event) => this.onKey(event), options);
    document.addEventListener("visibilitychange", () => this.seenAgain(), options);
  }

  async start() {
    this.panel.show("loading");
    if (!this.me.key) return this.nobodyKnown();
    this.saving.start(this.frame.signal);
    return this.asking.advance();
  }

  /** The server did not say who is logged in: nothing can be kept under a name, so the page begins anew. */
  nobodyKnown() {
    this.panel.show("error", { reason: this.words("error.offline") });
    setTimeout(() => this.frame.alive() && location.reload(), AGAIN_MILLISECONDS);
  }

  onKey(event) {
    if (!this.frame.alive()) return;
    if (leavesField(event)) return this.leaveField(event);
    const action = actionOf(event, this.desk.keys);
    if (this.dialog?.open) {
      if (action === this.dialog.dataset.action) this.dialog.close();
      return;
    }
    if (action === null || (!this.asks() && !this.feedback.open && !WITHOUT_QUESTION.includes(action))) return;
    if (action === "enter" && isControl(event) && !this.desk.entersFrom(event.target)) return; // it presses that button
    event.preventDefault();
    this.act(action, "keyboard");
  }

  /** Whether a question is on the screen, to be answered. */
  asks() {
    return this.desk.question !== null;
  }

  act(action, device) {
    if (DIALOGS.includes(action)) return this.openDialog(action);
    if (this.saving.busy || this.reopening.busy) return this.status.say(this.words("status.refused"), "warn");
    if (action === "undo") return this.reopening.undo();
    if (this.feedback.open) return action === "enter" ? this.asking.afterFeedback() : undefined;
    if (!this.asks()) return undefined;
    if (action === "close" && !this.desk.asksWhy) return this.reopening.keep();
    return this.desk.act(action, device);
  }

  openDialog(action) {
    if (action === "flag" && !this.asks()) return;
    const { words, frame } = this;
    const { main, language } = frame;
    const onChoose = (comparison) => this.reopening.reopen(comparison);
    this.dialog = {
      keys: () => keysDialog(words, main, { ...this.desk.keys, ...this.asking.asks }),
      guidelines: () => this.guidelines.open(main),
      pause: () => this.pause.begin(),
      flag: () => this.flag(main),
      answers: () => answersDialog(words, main, { language, onChoose }),
    }[action]();
    this.dialog.dataset.action = action;
    this.dialog.addEventListener("close", () => this.closed(), { once: true });
  }

  closed() {
    this.asking.refreshTools();
    if (this.asks()) keepFocus(this.desk.card.element);
  }

  flag(main) {
    const { question } = this.desk;
    const place = `flag:${question.comparison}`;
    return flagDialog(this.words, main, {
      question,
      person: this.me.key,
      note: this.drafts.of(place) ?? "",
      onNote: (note) => (note ? this.drafts.keep(place, note) : this.drafts.drop(place)),
      onSent: () => {
        this.drafts.drop(place);
        this.status.say(this.words("flag.sent"), "good");
      },
    });
  }

  draft(question, draft) {
    if (draft) this.drafts.keep(question.comparison, draft);
    else this.drafts.drop(question.comparison);
  }

  /** Escape in a field: the keys mean answers again, and the focus stays near. */
  leaveField(event) {
    if (this.dialog?.open || !this.asks()) return; // Escape closes a dialog by itself
    event.preventDefault();
    this.desk.leave();
  }

  paused(paused) {
    this.isPaused = paused;
    this.countTime();
  }

  countTime() {
    this.time.visibility(!document.hidden && !this.isPaused);
  }

  /** In another tab somebody else may have logged in meanwhile. */
  async seenAgain() {
    this.countTime();
    if (document.hidden || !this.me.accounts) return;
    const now = await request(this.words, "/api/me").catch(() => null);
    if (now && now.key !== this.me.key) this.asking.otherPerson();
  }

  ask(path, body = undefined) {
    return request(this.words, path, body && { ...body, person: this.me.key });
  }
}
