// The console: the loop as it stands, its next step, what runs, what came out. It asks the server anew every few seconds.

import { el } from "../page/elements.js";
import { openFrame } from "../page/frame.js";
import { request } from "../page/http.js";
import { sayFailure } from "../page/refusals.js";
import { ActiveRuns } from "./active_runs.js";
import { Behind } from "./figures.js";
import { LoopCards } from "./loop_cards.js";
import { NextStep } from "./next_step.js";
import { SideBySide } from "./side_by_side.js";
import { Taste } from "./taste.js";

const BUSY_MILLISECONDS = 2000;
const IDLE_MILLISECONDS = 8000;
const FAILED_MILLISECONDS = 4000;

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "console");
  if (frame) new ConsolePage(frame).start();
}

class ConsolePage {
  constructor(frame) {
    this.frame = frame;
    this.words = frame.words;
    const ask = (path, body) => request(frame.words, path, body);
    const tools = {
      words: frame.words,
      has: frame.has,
      language: frame.language,
      ask,
      act: (path, body) => this.act(path, body),
      lookBehind: (name) => this.behind.open(name),
      said: {},
    };
    this.tools = tools;
    this.behind = new Behind(tools, frame.main.parentElement);
    this.notice = el("p", { class: "tm-notice", role: "alert", hidden: true });
    this.refused = "";
    this.loading = el("p", { class: "tm-empty" }, this.words("part.loading"));
    this.parts = {
      cards: new LoopCards(tools),
      next: new NextStep(tools),
      active: new ActiveRuns(tools),
      taste: new Taste(tools),
      sides: new SideBySide(tools),
    };
    this.lay();
  }

  lay() {
    const { cards, next, active, taste, sides } = this.parts;
    // Hidden until it is known how things stand: an empty place would say that there is nothing.
    this.stands = el(
      "div",
      { class: "tm-stands", hidden: true },
      cards.element,
      el(
        "div",
        { class: "tm-columns" },
        next.element,
        el("div", { class: "tm-column" }, active.element, taste.element),
      ),
      sides.element,
    );
    const title = el("h1", { class: "tm-page-title" }, this.words("console.title"));
    this.frame.main.append(title, this.notice, this.loading, this.stands);
  }

  start() {
    const options = { signal: this.frame.signal };
    document.addEventListener("visibilitychange", () => !document.hidden && this.refresh(), options);
    this.refresh();
  }

  /** Ask how things stand and show it; then again, sooner while something runs. */
  async refresh() {
    clearTimeout(this.timer);
    if (!this.frame.alive()) return;
    let wait = FAILED_MILLISECONDS;
    try {
      const loop = await request(this.words, "/api/loop");
      this.tools.said = loop.said;
      for (const part of Object.values(this.parts)) part.update(loop);
      this.stands.hidden = false;
      this.loading.hidden = true;
      this.say(this.refused);
      wait = loop.active.length ? BUSY_MILLISECONDS : IDLE_MILLISECONDS;
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      sayFailure(this.notice, this.words, failure);
    }
    if (!document.hidden) this.timer = setTimeout(() => this.refresh(), wait);
  }

  /**
   * Send something that changes the study, then show how things stand. Resolves to whether it was done. Why it was
   * refused stands there until the next act; that the server did not answer, until it does.
   */
  async act(path, body) {
    this.refused = "";
    try {
      await request(this.words, path, body);
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      if (!failure.passing) this.refused = failure.message;
      await this.refresh();
      this.say(failure.message);
      return false;
    }
    await this.refresh();
    return true;
  }

  say(text) {
    this.notice.textContent = text;
    this.notice.hidden = text === "";
  }
}
