// In the place of the card when there is no question: what is going on, and what to do next.

import { el, setText } from "../page/elements.js";
import { duration } from "../page/figures.js";
import { keepFocus } from "./focus.js";

const BUSY = ["loading", "none_yet", "others_hold"];
const LINKS = {
  all_done: ["console", "/console", "researcher"],
  no_prompts: ["console", "/console", "researcher"],
  none_started: ["console", "/console", "researcher"],
  not_written: ["console", "/console", "researcher"],
  held_back: ["people", "/people", "lead"],
  closed: ["console", "/console", "researcher"],
  round_paused: ["people", "/people", "lead"],
  not_qualified: ["me", "/me", "annotator"],
  paused_by_checks: ["me", "/me", "annotator"],
  quota_reached: ["me", "/me", "annotator"],
  session_ended: ["login", "/login?next=/", "annotator"],
  withdrawn: ["me", "/me", "annotator"],
};
const RETRY = ["error", "other_person", "locked"];
const ROLES = ["annotator", "lead", "researcher", "admin"];

export class StatePanel {
  /** `role` of the person decides which way on can be offered; `onRetry()` tries again. */
  constructor(words, role, onRetry) {
    Object.assign(this, { words, role, onRetry });
    this.title = el("h1", { class: "tm-state-title", tabindex: "-1" });
    this.text = el("p", {});
    this.more = el("div", { class: "tm-state-more" });
    this.action = el("div", { class: "tm-state-action" });
    this.pulse = el("div", { class: "tm-pulse", "aria-hidden": "true" });
    this.element = el(
      "section",
      { class: "tm-state", role: "status", "aria-live": "polite", hidden: true },
      this.pulse,
      this.title,
      this.text,
      this.more,
      this.action,
    );
  }

  /** Show a state; `more` is a node under the words, `actions` buttons of its own. */
  show(state, { secondsLeft = null, ...values } = {}, { more = null, actions = [] } = {}) {
    setText(this.title, this.words(`state.${state}.title`));
    const left = state === "none_yet" && secondsLeft !== null ? duration(this.words, secondsLeft) : null;
    const time = left === null ? "" : ` ${this.words("state.none_yet.left", { time: left })}`;
    setText(this.text, this.words(`state.${state}.words`, values) + time);
    this.pulse.hidden = !BUSY.includes(state);
    if (this.state !== state || more) {
      this.more.replaceChildren(...(more ? [more] : []));
      this.action.replaceChildren(...this.wayOn(state), ...actions);
    }
    this.state = state;
    this.element.hidden = false;
    keepFocus(this.title);
  }

  wayOn(state) {
    const [name, href, role] = LINKS[state] ?? [];
    if (name && ROLES.indexOf(this.role) >= ROLES.indexOf(role))
      return [el("a", { class: "tm-button tm-primary", href }, this.words(`state.to.${name}`))];
    if (!RETRY.includes(state)) return [];
    return [el("button", { type: "button", class: "tm-button", onclick: this.onRetry }, this.words("state.to.again"))];
  }

  hide() {
    this.element.hidden = true;
    this.state = null;
  }
}
