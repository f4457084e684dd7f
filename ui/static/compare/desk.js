// One question on the card, from the first look to the answer: what each action does to it.

import { Card } from "./card.js";
import { keepFocus } from "./focus.js";
import { Ranking } from "./ranking.js";
import { DECISION, Steps } from "./steps.js";
import { bothBad, inWords, ofRanks, ofStep, SKIP_REASONS, skipFor } from "./verdict.js";

export class Desk {
  /**
   * `place` is where the card stands. `onAction(action, device)` gets every press on the card; `onCommit(answer)` the
   * finished answer; `onDraft(question, draft)` what is said so far, null where that is nothing; `onSay(key)` what to
   * tell the person. `memory` ({storage, place}) keeps how the person looks at texts.
   */
  constructor(words, place, { onAction, onCommit, onDraft, onSay, memory }) {
    Object.assign(this, { words, place, onAction, onCommit, onDraft, onSay, memory });
    this.question = null;
    this.card = null;
    this.news = null;
    this.last = "";
    this.build(2, true);
    this.hide();
  }

  build(candidates, strength) {
    const card = new Card(this.words, {
      candidates,
      strength,
      onAction: this.onAction,
      memory: this.memory,
      writing: {
        rationale: {
          onText: (text) => this.write(() => (this.steps.rationale = text)),
          onLeave: () => this.leaveField(),
        },
        improve: {
          onText: (text) => this.write(() => (this.steps.edits[this.steps.improving] = text)),
          onPlace: (place) => this.write(() => (this.steps.improving = place)),
          onLeave: () => this.leaveField(),
        },
      },
    });
    card.element.hidden = this.card?.element.hidden ?? true;
    if (this.card) this.card.element.replaceWith(card.element);
    else this.place.append(card.element);
    this.card = card;
    card.showNews(this.news);
    card.showLast(this.last);
  }

  /** Show a question, with what was said about it before. */
  open(question, draft = null) {
    const candidates = question.completions.length;
    const { asked } = question;
    if (candidates !== this.card.candidates || asked.strength !== this.card.strength)
      this.build(candidates, asked.strength);
    this.question = question;
    this.steps = new Steps(asked, question, draft);
    this.ranking = this.rankingNow();
    this.device = null; // by which it was said
    this.card.element.hidden = false;
    this.card.views.reset();
    this.card.show(question, asked.view);
    this.update();
    this.card.toTop();
  }

  hide() {
    this.question = null;
    this.card.element.hidden = true;
  }

  /** Leave the texts on the screen, with nothing to be answered any more. */
  rest() {
    this.question = null;
    this.card.rest(true);
  }

  busy(busy) {
    this.card.busy(busy);
  }

  /** What was said last, beside the button that takes it back. */
  showLast(text) {
    this.last = text;
    this.card.showLast(text);
  }

  /** Mark the guidelines' button: "new", "changed", or null. */
  showNews(news) {
    this.news = news;
    this.card.showNews(news);
  }

  /** Out of a field by Escape: to the bar where nothing is decided yet, else only out. */
  leave() {
    if (!this.steps.decision && !this.steps.onBar) this.go(DECISION);
    this.card.element.focus({ preventScroll: true });
  }

  get asksWhy() {
    return this.card.reasons.open;
  }

  /** Whether Enter on this button or link submits or goes on: on an answer, where Enter is asked for. */
  entersFrom(node) {
    return this.question !== null && this.steps.confirmed && this.card.bar.element.contains(node);
  }

  /** What the keys mean now. */
  get keys() {
    const { candidates, reasons } = this.card;
    return { candidates, strength: this.card.strength, reasons: reasons.open ? SKIP_REASONS.length : 0 };
  }

  /** Do what a key or button says; actions that are none of the question's are left to the page. */
  act(action, device) {
    if (action.step) return this.say(ofStep(action.step), device);
    if (action === "both_bad") return this.steps.criterion ? undefined : this.sayBothBad(device);
    if (action === "skip") return this.ask(!this.asksWhy);
    if (action === "close") return this.ask(false);
    if ("reason" in Object(action)) return this.skip(SKIP_REASONS[action.reason], device);
    if (action === "enter") return this.enter();
    if (action.go) return this.go(action.go);
    if (action === "view") return this.card.views.cycle();
    if (["rationale", "improve"].includes(action)) return this.steps.needs[action] !== "off" && this.go(action);
    if (action === "criteria") return this.goToCriteria();
    return this.rank(action, device);
  }

  say(verdict, device) {
    this.card.ask(false);
    if (!this.steps.onBar) this.steps.go(DECISION);
    this.device = device;
    const follows = this.steps.say(verdict);
    if (follows === "next") this.steps.go(this.steps.next());
    this.ranking = this.rankingNow();
    this.update();
    if (follows === "commit") this.commit();
    else this.changed();
    if (follows === "next") this.focusField();
  }

  /** On a board, once more takes it back; what was ranked before goes. */
  sayBothBad(device) {
    const { steps } = this;
    if (!steps.onBar) steps.go(DECISION);
    delete steps.ranked[DECISION];
    if (this.card.candidates === 2 || !steps.decision?.both_bad) return this.say(bothBad(this.card.candidates), device);
    steps.unsay();
    this.ranking = this.rankingNow();
    this.update();
    return this.changed();
  }

  skip(reason, device) {
    this.steps.go(DECISION);
    this.ask(false);
    this.say(skipFor(reason), device);
  }

  ask(open) {
    if (open && this.steps.current !== DECISION) this.steps.go(DECISION);
    this.card.ask(open);
    this.update();
  }

  /** A change of the ranking on the board. */
  rank(action, device) {
    if (this.card.candidates === 2 || !this.steps.onBar) return;
    const { ranking } = this;
    if (!ranking.apply(action)) return;
    this.device = device;
    const { steps } = this;
    steps.ranked[steps.current] = ranking.kept();
    if (steps.current === DECISION) steps.order = [...steps.order, ...ranking.typed.splice(0)];
    if (ranking.complete) steps.say(ofRanks(ranking.ranks()));
    else steps.unsay();
    this.update();
    this.card.bar.speak(ranking);
    this.changed();
  }

  rankingNow() {
    const { steps } = this;
    if (!steps.onBar) return null;
    const said = steps.said[steps.current];
    const candidates = this.question.completions.length;
    if (steps.ranked[steps.current]) return new Ranking(candidates, steps.ranked[steps.current]);
    return said?.ranks && !said.both_bad ? Ranking.of(said.ranks) : new Ranking(candidates);
  }

  /** Enter: the next step, else the answer is finished. */
  enter() {
    const { steps } = this;
    if (!steps.confirmed || this.asksWhy) return;
    if (!steps.decision) {
      if (steps.current !== DECISION) this.go(DECISION);
      this.onSay(this.card.candidates > 2 ? "say.rank_all" : "say.decide_first");
      return;
    }
    const next = steps.next() ?? steps.missing();
    if (next === null) this.commit();
    else if (next === steps.current) this.onSay(`say.missing.${next.split(":")[0]}`);
    else this.go(next);
  }

  go(name) {
    if (!this.steps.names.includes(name)) return;
    this.card.ask(false);
    this.steps.go(name);
    this.ranking = this.rankingNow();
    this.update();
    this.focusField();
    this.changed();
  }

  goToCriteria() {
    const criteria = this.steps.names.filter((name) => name.startsWith("criterion:"));
    if (criteria.length) this.go(criteria.find((name) => !this.steps.done(name)) ?? criteria[0]);
  }

  write(change) {
    change();
    this.update();
    this.changed();
  }

  /** Where the step is a field, the person types in it at once. */
  focusField() {
    const field = { rationale: this.card.rationale, improve: this.card.improve }[this.steps.current]?.field;
    field?.focus({ preventScroll: true });
    if (field) field.scrollIntoView({ block: "nearest" });
  }

  /** Out of a field: the keys mean answers again. */
  leaveField() {
    this.card.trail.enter.focus({ preventScroll: true });
    this.enter();
  }

  update() {
    this.card.update(this.steps, this.ranking);
    keepFocus(this.card.element);
  }

  changed() {
    this.onDraft(this.question, this.steps.touched ? this.steps.draft() : null);
  }

  commit() {
    const { steps, question } = this;
    this.onCommit({
      fields: steps.body(),
      device: this.device,
      words: inWords(this.words, steps.decision),
      signals: { ...this.card.views.signals(), revisions: steps.revisions, order: steps.order },
      view: this.card.views.current,
      question,
    });
  }
}
