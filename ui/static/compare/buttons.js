// The buttons of the compare page: each shows its key, and tells a press from a click.

import { el } from "../page/elements.js";

/** How a click came about: Enter and Space on a button count as the keyboard. */
export const deviceOf = (event) => (event.detail === 0 ? "keyboard" : "pointer");

/** A press that answers. The second click of a double click does not: the next pair is under it by then, unseen. */
export const once = (press) => (event) => (event.detail > 1 ? undefined : press(event));

export function kbd(...keys) {
  return el(
    "span",
    { class: "tm-keys", "aria-hidden": "true" },
    keys.map((key) => el("kbd", {}, key)),
  );
}

/** A quiet button of the tool row. */
export function toolButton(words, name, key, onPress, attributes = {}) {
  return el(
    "button",
    { type: "button", class: "tm-small", onclick: (event) => onPress(name, deviceOf(event)), ...attributes },
    el("span", {}, words(`tools.${name}`)),
    key && kbd(key),
  );
}
