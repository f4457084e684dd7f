// The guidelines, one key away; and whether they changed since this person read them.

import { showDialog } from "../page/dialog.js";
import { el } from "../page/elements.js";
import { request } from "../page/http.js";
import { showText } from "./views.js";

export class Guidelines {
  /** `place` names study and person in the browser's storage. */
  constructor(words, { storage, place, language }) {
    Object.assign(this, { words, storage, place: `tastemaker:guideline:${place}`, language });
    this.now = null; // {id, version} as the server named it last
  }

  /** Whether there are guidelines that this person has not seen here, and whether an older version was. */
  get news() {
    const read = this.storage.getItem(this.place);
    if (this.now === null || read === String(this.now.id)) return null;
    return read === null ? "new" : "changed";
  }

  /** The dialog, which fills by itself. */
  open(root) {
    const body = el("div", { class: "tm-guideline", "aria-busy": "true" }, this.words("guidelines.loading"));
    this.load(body, this.news === "changed");
    return showDialog(this.words, root, this.words("tools.guidelines"), [body]);
  }

  async load(body, changed) {
    try {
      const { guideline } = await request(this.words, `/api/guidelines?language=${this.language}`);
      this.fill(body, guideline, changed);
    } catch (failure) {
      body.replaceChildren(el("p", { role: "alert" }, failure.message));
    }
    body.setAttribute("aria-busy", "false");
  }

  read({ id }) {
    try {
      this.storage.setItem(this.place, String(id));
    } catch {
      // No room in the browser: it is marked as new once more.
    }
  }

  fill(body, guideline, changed) {
    if (guideline === null) return body.replaceChildren(el("p", {}, this.words("guidelines.none")));
    this.read(guideline);
    const text = showText(el("div", { class: "tm-guideline-text" }), guideline);
    const version = this.words("guidelines.version", { version: guideline.version, day: guideline.at.slice(0, 10) });
    return body.replaceChildren(
      el("p", { class: "tm-guideline-version" }, version),
      ...(changed ? [el("p", { class: "tm-changed" }, this.words("guidelines.changed"))] : []),
      text,
    );
  }
}
