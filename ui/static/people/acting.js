// A button that does something on the server, and says beside it what went wrong.

import { el, setText } from "../page/elements.js";
import { button } from "../page/fields.js";

/** `act()` does it and may reject with words; the button does not work twice at once. Returns [button, words]. */
export function acting(title, act, attributes = {}) {
  const failed = el("span", { class: "tm-field-error", role: "alert" });
  let busy = false;
  const press = async () => {
    if (busy) return;
    busy = true;
    setText(failed, "");
    try {
      await act();
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      setText(failed, failure.message);
    } finally {
      busy = false;
    }
  };
  return [button(title, press, attributes), failed];
}
