// In the place of the card when there is no question: what is going on, and what to do next.

import { el, setText } from "../page/elements.js";

const BUSY = ["loading", "none_yet", "others_hold"];
const LINKS = {
  all_done: ["/console", "researcher"],
  no_prompts: ["/console", "researcher"],
  not_written: ["/console", "researcher"],
  session_ended: ["/login", "annotator"],
  withdrawn: ["/me", "annotator"],
  quota_reached: ["/me", "annotator"],
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
  show(state, values = {}, { more = null, actions = [] } = {}) {
    setText(this.title, this.words(`state.${state}.title`));
    setText(this.text, this.words(`state.${state}.words`, values));
    this.pulse.hidden = !BUSY.includes(state);
    if (this.state !== state || more) {
      this.more.replaceChildren(...(more ? [more] : []));
      this.action.replaceChildren(...this.wayOn(state), ...actions);
    }
    this.state = state;
    this.element.hidden = false;
    // What had the focus is hidden now: it goes on from here.
    if (document.activeElement === document.body) this.title.focus({ preventScroll: true });
  }

  wayOn(state) {
    const [address, role] = LINKS[state] ?? [];
    if (address && ROLES.indexOf(this.role) >= ROLES.indexOf(role))
      return [el("a", { class: "tm-button tm-primary", href: address }, this.words(`state.to.${address.slice(1)}`))];
    if (RETRY.includes(state))
      return [el("button", { type: "button", class: "tm-button", onclick: this.onRetry }, this.words(`state.to.again`))];
    return [];
  }

  hide() {
    this.element.hidden = true;
    this.state = null;
  }
}
