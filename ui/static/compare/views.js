// How responses are shown: Markdown rendered, the text as it was written, or the words in which they differ.

import { el, foreignText, renderedText, setText } from "../page/elements.js";
import { difference } from "./diff.js";
import { LinkedScroll } from "./linked_scroll.js";

export const VIEWS = ["rendered", "raw", "diff"];

/** Show a text in a node: rendered where there is HTML of the server, else as it was written. */
export function showText(node, { text, html = null }) {
  return html === null ? foreignText(node, text) : renderedText(node, html);
}

export class Views {
  /**
   * `panes`: [{element, text}], `text` the node that shows a response and scrolls. `onChange(name)` is called when the
   * person chooses another view. `memory` ({storage, place}) keeps the choice for the person; without it the page does.
   */
  constructor(words, panes, { onChange = () => {}, memory = null } = {}) {
    Object.assign(this, { words, onChange, memory });
    this.texts = panes.map((pane) => pane.text);
    this.linked = new LinkedScroll(this.texts);
    this.question = null;
    this.chosen = this.remembered();
    this.current = "raw";
    this.linked.on = this.chosen.linked ?? false;
    this.toolbar = this.lay();
    for (const [place, node] of this.texts.entries())
      node.addEventListener("scroll", () => this.seen(place), { passive: true });
    this.reset();
  }

  lay() {
    const { words } = this;
    this.radios = Object.fromEntries(VIEWS.map((name) => [name, this.button(name, () => this.choose(name), "radio")]));
    this.link = this.button("linked", () => this.toggleLinked(), null);
    this.note = el("p", { class: "tm-views-note", role: "status", dir: "auto" });
    const change = (event) => this.onArrow(event);
    return el(
      "div",
      { class: "tm-views" },
      el(
        "div",
        { class: "tm-views-switch", role: "radiogroup", "aria-label": words("views.title"), onkeydown: change },
        Object.values(this.radios),
      ),
      this.link,
      this.note,
    );
  }

  button(name, onclick, role) {
    const state = role === "radio" ? { role, "aria-checked": "false" } : { "aria-pressed": String(this.linked.on) };
    const attributes = { type: "button", class: `tm-view tm-view-${name}`, onclick, ...state };
    return el("button", attributes, this.words(`views.${name}`));
  }

  /** Fill the panes with a question's responses; `first` is the view where the person has chosen none. */
  show(question, first = "rendered") {
    this.question = question;
    this.fill(this.chosen.view ?? first);
  }

  /** The next view: key M. */
  cycle() {
    this.choose(VIEWS[(VIEWS.indexOf(this.current) + 1) % VIEWS.length]);
  }

  choose(name) {
    this.chosen = { ...this.chosen, view: name };
    this.remember();
    if (this.question) this.fill(name);
    this.onChange(name);
  }

  /** Arrows on the switch go from view to view, as in any radio group; they are no answers there. */
  onArrow(event) {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.code];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose(VIEWS.at((VIEWS.indexOf(this.current) + step) % VIEWS.length));
    this.radios[this.current].focus();
  }

  toggleLinked() {
    this.linked.on = !this.linked.on;
    this.link.setAttribute("aria-pressed", String(this.linked.on));
    this.chosen = { ...this.chosen, linked: this.linked.on };
    this.remember();
  }

  fill(name) {
    this.current = name;
    if (this.views.at(-1) !== name) this.views.push(name);
    for (const [view, radio] of Object.entries(this.radios)) {
      radio.setAttribute("aria-checked", String(view === name));
      radio.tabIndex = view === name ? 0 : -1;
    }
    const note = name === "diff" ? this.showDifference() : this.showPlain(name);
    setText(this.note, note ? this.words(`views.${note}`) : "");
    this.texts.forEach((_, place) => this.seen(place));
  }

  /** Rendered or raw; the word for what could not be rendered. */
  showPlain(name) {
    let unrendered = false;
    this.question.completions.forEach((completion, place) => {
      const html = name === "rendered" ? (completion.html ?? null) : null;
      unrendered ||= name === "rendered" && html === null;
      if (completion.text.trim() === "") this.showEmpty(place);
      else showText(this.texts[place], { text: completion.text, html });
    });
    return unrendered ? "unrendered" : null;
  }

  /** Each text with what only it says marked, against the first; two texts against each other. */
  showDifference() {
    const { completions } = this.question;
    const pairs = completions.slice(1).map(({ text }) => difference(completions[0].text, text));
    if (pairs.includes(null)) {
      this.showPlain("raw");
      return "too_long";
    }
    const first = completions.length === 2 ? pairs[0][0] : [{ text: completions[0].text, only: false }];
    [first, ...pairs.map((pair) => pair[1])].forEach((runs, place) => {
      const node = foreignText(this.texts[place], "");
      node.append(...runs.map(({ text, only }) => (only ? el("mark", { class: "tm-only" }, text) : text)));
      if (completions[place].text.trim() === "") this.showEmpty(place);
    });
    return completions.length === 2 ? "marked" : "marked_first";
  }

  showEmpty(place) {
    foreignText(this.texts[place], this.words("views.empty"));
  }

  /** What is noted beside an answer: how much of each text was on the screen, and the views in turn. */
  signals() {
    const scrolled = this.depth.slice(0, this.question?.completions.length ?? 0);
    return { scrolled: scrolled.map((share) => Math.round(share * 1000) / 1000), views: this.views.slice(0, 20) };
  }

  /** A new question: nothing was seen of it yet. */
  reset() {
    this.depth = this.texts.map(() => 0);
    this.views = [];
    for (const node of this.texts) node.scrollTop = 0;
  }

  seen(place) {
    const { scrollTop, clientHeight, scrollHeight } = this.texts[place];
    const share = scrollHeight > 0 ? (scrollTop + clientHeight + 1) / scrollHeight : 0;
    this.depth[place] = Math.max(this.depth[place], Math.min(share, 1));
  }

  remembered() {
    try {
      const { view, linked } = JSON.parse(this.memory.storage.getItem(this.at)) ?? {};
      return { view: VIEWS.includes(view) ? view : undefined, linked: linked === true };
    } catch {
      return {};
    }
  }

  remember() {
    try {
      this.memory?.storage.setItem(this.at, JSON.stringify(this.chosen));
    } catch {
      // No room in the browser: the choice holds for this visit.
    }
  }

  get at() {
    return `tastemaker:views:${this.memory.place}`;
  }
}
