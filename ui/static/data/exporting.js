// The tab Export: look at what an export would hold, make it, download it; and all exports that lie on the shelf.

import { el, setText } from "../page/elements.js";
import { filtersOf } from "../page/address.js";
import { doneOrSaid } from "../page/refusals.js";
import { Remote } from "../page/remote.js";
import { ProgressBar, untilEnded } from "./errands.js";
import { ExportForm } from "./export_form.js";
import { previewView } from "./export_view.js";
import { Shelf } from "./shelf.js";

export class ExportPart {
  constructor(tools) {
    Object.assign(this, { tools, words: tools.words });
    const { words } = tools;
    this.progress = new ProgressBar(words("data.export.progress"));
    this.failed = el("p", { class: "tm-field-error", role: "alert" });
    this.said = el("p", { class: "tm-said", role: "status" });
    this.result = el("div");
    this.shelf = new Shelf(tools);
    this.form = new Remote(
      words,
      () => tools.choices(),
      (choices) => this.draw(choices),
    );
    this.element = el(
      "div",
      { class: "tm-listed" },
      el("p", { class: "tm-help" }, words("data.export.about")),
      this.form.element,
      this.progress.element,
      this.failed,
      this.said,
      this.result,
      this.shelf.element,
    );
  }

  async open() {
    const asked = location.hash;
    if (asked !== this.asked || !this.drawn) {
      this.asked = asked;
      await this.form.load();
    }
    await this.shelf.load();
  }

  draw(choices) {
    this.drawn = true;
    const form = new ExportForm(this.tools, choices, filtersOf(location.hash), {
      look: (body) => this.look(body),
      make: (body) => this.make(body),
    });
    return [form.element];
  }

  look(body) {
    return this.work(async () => {
      const begun = await this.tools.ask("/api/exports/preview", body);
      const ended = await untilEnded(this.tools, begun, (errand) => this.tell(errand));
      if (this.failedAs(ended)) return;
      this.result.replaceChildren(previewView(this.tools, ended.result));
      setText(this.said, this.words("data.export.looked"));
    });
  }

  make(body) {
    return this.work(async () => {
      const begun = await this.tools.ask("/api/exports", body);
      if (begun.status === "working") this.shelf.load();
      const ended = await untilEnded(this.tools, begun, (errand) => this.tell(errand));
      if (this.failedAs(ended)) return;
      setText(this.said, this.words("data.export.made", { name: begun.name }));
      await this.shelf.load();
    });
  }

  tell({ done, of }) {
    const key = of ? "data.export.going_of" : "data.export.going";
    this.progress.at(this.words(key, { done: done ?? 0, of }), done ?? 0, of ?? null);
  }

  failedAs({ status, error }) {
    if (status === "failed") setText(this.failed, error);
    if (status === "cut_off") setText(this.failed, this.words("data.export.cut_off"));
    return status !== "done";
  }

  /** One at a time; the bar shows at once. Resolves to what was refused, by words. */
  async work(act) {
    if (this.busy) return;
    this.busy = true;
    setText(this.said, "");
    this.result.replaceChildren();
    this.progress.at(this.words("data.export.working"), 0, null);
    try {
      await doneOrSaid(this.failed, act);
    } finally {
      this.busy = false;
      this.progress.hide();
    }
  }
}
