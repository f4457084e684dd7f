// A button that does something on the server, and says beside it what went wrong.

import { el } from "../page/elements.js";
import { button } from "../page/fields.js";
import { doneOrSaid } from "../page/refusals.js";

/** `act()` does it and may reject with words; the button does not work twice at once. Returns [button, words]. */
export function acting(title, act, attributes = {}) {
  const failed = el("span", { class: "tm-field-error", role: "alert" });
  let busy = false;
  const press = async () => {
    if (busy) return;
    busy = true;
    try {
      await doneOrSaid(failed, act);
    } finally {
      busy = false;
    }
  };
  return [button(title, press, attributes), failed];
}
