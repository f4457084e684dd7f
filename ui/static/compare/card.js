// The card: a prompt, the responses, the bar or board, what is asked beside the decision, the tools.
// It draws; it decides nothing.

import { el, setText } from "../page/elements.js";
import { Bar } from "./bar.js";
import { Board } from "./board.js";
import { deviceOf, kbd, toolButton } from "./buttons.js";
import { Panes } from "./panes.js";
import { Prompt } from "./prompt.js";
import { Reasons } from "./reasons.js";
import { DECISION } from "./steps.js";
import { Trail } from "./trail.js";
import { inWords } from "./verdict.js";
import { Views } from "./views.js";
import { ImproveField, RationaleField } from "./writing.js";

export class Card {
  /** `onAction(action, device)` gets presses, `writing` what is typed. Another number of responses: a new card. */
  constructor(words, { candidates, strength, onAction, writing, memory }) {
    this.words = words;
    this.candidates = candidates;
    this.strength = strength;
    this.panes = new Panes(words, candidates);
    const panes = this.panes.panes.map(({ element, text }) => ({ element, text }));
    this.views = new Views(words, panes, { onChange: () => this.showPrompt(), memory });
    this.prompt = new Prompt(words, this.views.toolbar);
    const label = "tm-question";
    const decide = { label, onAction };
    this.bar = candidates === 2 ? new Bar(words, { strength, ...decide }) : new Board(words, { candidates, ...decide });
    this.reasons = new Reasons(words, onAction);
    this.trail = new Trail(words, onAction);
    this.rationale = new RationaleField(words, writing.rationale);
    this.improve = new ImproveField(words, candidates, writing.improve);
    this.title = el("h1", { class: "tm-question", id: label, dir: "auto", "aria-live": "polite" });
    this.skip = this.skipButton(onAction);
    this.element = el(
      "article",
      { class: "tm-card", tabindex: "-1" },
      this.prompt.element,
      this.panes.element,
      (this.decide = this.decideArea()),
      (this.tools = this.toolRow(onAction)),
    );
  }

  decideArea() {
    return el(
      "div",
      { class: "tm-decide" },
      this.title,
      el("div", { class: "tm-decide-row" }, this.bar.element, this.skip),
      this.reasons.element,
      this.rationale.element,
      this.improve.element,
      this.trail.element,
    );
  }

  skipButton(onAction) {
    return el(
      "button",
      {
        type: "button",
        class: "tm-answer tm-answer-skip",
        "aria-expanded": "false",
        "aria-pressed": "false",
        onclick: (event) => onAction("skip", deviceOf(event)),
      },
      el("span", { class: "tm-word" }, this.words("compare.skip")),
      kbd("S"),
    );
  }

  toolRow(onAction) {
    const tool = (name, key) => toolButton(this.words, name, key, onAction);
    this.undo = tool("undo", "Z");
    this.last = el("span", { class: "tm-last" });
    this.asks = { rationale: tool("rationale", "N"), improve: tool("improve", "E"), criteria: tool("criteria", "C") };
    this.guidelines = tool("guidelines", "G");
    this.news = el("span", { class: "tm-news", hidden: true });
    this.guidelines.append(this.news);
    return el(
      "div",
      { class: "tm-more" },
      el("div", { class: "tm-undoing" }, this.undo, this.last),
      el(
        "div",
        { class: "tm-tools" },
        Object.values(this.asks),
        tool("flag", "F"),
        this.guidelines,
        tool("answers", "L"),
        tool("pause", "P"),
        tool("keys", "?"),
      ),
    );
  }

  /** Fill the card with a question; `first` is how its texts are shown at first. */
  show(question, first) {
    this.question = question;
    this.panes.show(question);
    this.views.show(question, first);
    this.showPrompt();
    this.ask(false);
    this.busy(false);
    this.rest(false);
  }

  /** Whether there is nothing to answer any more, while the texts stay. */
  rest(resting) {
    this.decide.hidden = resting;
    this.tools.hidden = resting;
  }

  showPrompt() {
    if (this.question) this.prompt.show(this.question, this.views.current !== "raw");
  }

  /** Show how far the person is: `steps`, and on a board the `ranking` of the current step. */
  update(steps, ranking) {
    const { criterion, decision } = steps;
    setText(this.title, this.titleOf(steps));
    this.bar.element.hidden = !steps.onBar || this.reasons.open;
    this.title.hidden = this.reasons.open;
    this.skip.hidden = steps.current !== DECISION || this.reasons.open;
    this.skip.setAttribute("aria-pressed", String(Boolean(decision?.skipped)));
    const said = steps.said[steps.current] ?? null;
    if (this.candidates === 2) this.bar.show(said, criterion === null);
    else this.bar.show(ranking, said, criterion === null);
    this.panes.rank(this.candidates > 2 && steps.onBar ? ranking : null);
    this.rationale.show(steps);
    this.improve.show(steps);
    const onBoard = this.candidates > 2 && decision?.ranks && !decision.both_bad; // it shows the ranking itself
    this.trail.show(steps, decision && !onBoard ? inWords(this.words, decision) : "");
    for (const [name, button] of Object.entries(this.asks)) {
      button.hidden = steps.needs[name] === "off" || (name === "criteria" && steps.asked.criteria.length === 0);
      button.setAttribute("aria-pressed", String(this.isAt(name, steps.current)));
    }
  }

  titleOf({ criterion, asked, onBar, current }) {
    if (!onBar) return this.words(`writing.${current}.title`);
    if (criterion) return criterion.question || criterion.name;
    return asked.question || this.words(this.candidates > 2 ? "compare.title_rank" : "compare.title");
  }

  isAt(name, step) {
    return name === "criteria" ? step.startsWith("criterion:") : step === name;
  }

  /** Open or close the reasons why it cannot be judged. */
  ask(open) {
    this.reasons.show(open, this.skip.hidden ? this.element : this.skip);
    this.skip.setAttribute("aria-expanded", String(open));
  }

  /** Whether an answer is on its way: the buttons wait. */
  busy(busy) {
    this.element.classList.toggle("tm-busy", busy);
    this.element.setAttribute("aria-busy", String(busy));
  }

  /** What was said last, beside the button that takes it back. */
  showLast(text) {
    setText(this.last, text);
  }

  /** Say that there is something new in the guidelines: "new", "changed", or null. */
  showNews(news) {
    this.news.hidden = news === null;
    if (news !== null) setText(this.news, this.words(`guidelines.news_${news}`));
  }

  /** Bring the start of the question into view where the last one was scrolled away. */
  toTop() {
    if (this.element.getBoundingClientRect().top < 0) this.element.scrollIntoView({ block: "start" });
  }
}
