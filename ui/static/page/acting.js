// A button that does something on the server, and says beside it what went wrong.

import { el } from "./elements.js";
import { button } from "./fields.js";
import { doneOrSaid } from "./refusals.js";

/**
 * `act()` does it and may reject with words; the button does not work twice at once, nor on the second click of a double
 * click. Returns [button, words].
 */
export function acting(title, act, attributes = {}) {
  const failed = el("span", { class: "tm-field-error", role: "alert" });
  let busy = false;
  const press = async ({ detail }) => {
    if (busy || detail > 1) return;
    busy = true;
    try {
      await doneOrSaid(failed, act);
    } finally {
      busy = false;
    }
  };
  return [button(title, press, attributes), failed];
}
