// One file on its way into the study: it is sent, tried, and imported when the report says what one wanted.

import { el, foreignText, setText } from "../page/elements.js";
import { button, choice, field } from "../page/fields.js";
import { doneOrSaid } from "../page/refusals.js";
import { acting } from "../page/acting.js";
import { ProgressBar, untilEnded } from "./errands.js";
import { Report } from "./report.js";
import { bytesWords, kindsWords } from "./words_of.js";
import { sendRest } from "./sending.js";

export class FileCard {
  constructor(tools, upload, formats, { gone, taken }) {
    Object.assign(this, { tools, words: tools.words, upload, gone, taken, busy: false, kept: false });
    const { words } = tools;
    this.progress = new ProgressBar(words("data.import.progress"));
    this.failed = el("p", { class: "tm-field-error", role: "alert" });
    this.said = el("p", { class: "tm-said", role: "status" });
    this.format = choice([["", words("data.import.choose_format")], ...formats.map((name) => [name, name])], "");
    this.format.addEventListener("change", () => this.forget());
    this.formatField = field(words("data.import.format"), this.format, words("data.import.format_help"));
    this.try = button(words("data.import.try"), () => this.dryRun(), { class: "tm-button tm-primary" });
    this.import = button(words("data.import.take"), () => this.take(), { class: "tm-button tm-primary", hidden: true });
    this.removing = acting(words("data.import.remove"), () => this.remove());
    this.report = el("div");
    this.acts = el(
      "div",
      { class: "tm-listed", hidden: true },
      this.formatField.element,
      el("div", { class: "tm-actions" }, this.try, this.import),
    );
    this.element = el(
      "section",
      { class: "tm-box tm-data-file", "data-upload": upload.id, "aria-label": words("data.import.file") },
      foreignText(el("h2", { class: "tm-box-title" }), upload.name),
      el("p", { class: "tm-help" }, bytesWords(words, upload.bytes)),
      this.progress.element,
      this.acts,
      this.failed,
      this.said,
      this.report,
      el("div", { class: "tm-actions" }, this.removing),
    );
  }

  /** Show a file that was on the server already. */
  resume(upload) {
    this.upload = upload;
    if (!upload.whole) setText(this.failed, this.words("data.import.broken", { name: upload.name }));
    else if (upload.errand?.status === "working") this.follow(upload.errand);
    else this.work(() => this.whole().then(() => upload.errand && this.show(upload.errand)));
  }

  async send(file, pieceBytes) {
    const { words } = this;
    await this.work(async () => {
      const told = (known) => {
        this.upload = known;
        const share = { done: bytesWords(words, known.received), of: bytesWords(words, known.bytes) };
        this.progress.at(words("data.import.sending", share), known.received, known.bytes);
      };
      told(this.upload);
      this.upload = await sendRest(words, file, this.upload, pieceBytes, told, () => this.element.isConnected);
      await this.whole();
    });
  }

  /** All is there: choose the format that it seems to be in. */
  async whole() {
    const { guess } = await this.tools.ask(`/api/uploads/${this.upload.id}/whole`, {});
    this.acts.hidden = false;
    if (guess && !this.format.value) this.format.value = guess;
    setText(this.said, this.words(guess ? "data.import.guessed" : "data.import.no_guess", { format: guess }));
  }

  /** A dry run of another format says nothing of this one. */
  forget() {
    this.import.hidden = true;
    this.report.replaceChildren();
    setText(this.said, "");
  }

  async dryRun() {
    this.formatField.fail("");
    if (!this.format.value) {
      this.formatField.fail(this.words("form.needed"));
      this.format.focus();
      return;
    }
    this.forget();
    await this.start("try");
  }

  take() {
    return this.start("import");
  }

  async start(verb) {
    await this.work(async () => {
      this.progress.at(this.words("data.import.working"), 0, null);
      const begun = await this.tools.ask(`/api/uploads/${this.upload.id}/${verb}`, { format: this.format.value });
      await this.followed(begun);
    });
  }

  follow(errand) {
    return this.work(() => this.followed(errand));
  }

  async followed(errand) {
    const { words } = this;
    const told = ({ done, of }) => {
      const key = of ? "data.import.going_of" : "data.import.going";
      this.progress.at(words(key, { done, of }), done, of);
    };
    this.show(await untilEnded(this.tools, errand, told));
  }

  /** What came out of a dry run, or of an import. */
  show(errand) {
    const { words } = this;
    if (errand.format) this.format.value = errand.format;
    if (errand.status === "failed") return setText(this.failed, errand.error);
    if (errand.status === "cut_off") return setText(this.failed, words("data.import.cut_off"));
    if (errand.status !== "done") return null;
    const done = errand.verb === "import";
    const { added, known, left_out, brought } = errand.result;
    const counts = { added, known, left_out, brought: kindsWords(words, brought) };
    setText(
      this.said,
      words(done ? (added ? "data.import.done" : "data.import.done_nothing") : "data.import.tried", counts),
    );
    this.report.replaceChildren(new Report(this.tools, errand, done).element);
    this.import.hidden = done || added === 0;
    setText(this.import, words("data.import.take_rows", { n: added }));
    if (!done) return null;
    this.acts.hidden = true;
    this.kept = true;
    this.removing[0].textContent = words("form.close");
    return this.taken();
  }

  async remove() {
    if (!this.kept) await this.tools.ask(`/api/uploads/${this.upload.id}/remove`, {});
    this.gone();
  }

  /** One thing at a time, and words where it fails. */
  async work(act) {
    if (this.busy) return;
    this.busy = true;
    for (const one of [this.try, this.import]) one.disabled = true;
    try {
      await doneOrSaid(this.failed, act);
    } finally {
      this.busy = false;
      this.progress.hide();
      for (const one of [this.try, this.import]) one.disabled = false;
    }
  }
}
