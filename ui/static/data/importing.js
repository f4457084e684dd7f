// The tab Import: choose or drop a file, see what it would bring, take it; and all imports, each of which can be undone.

import { el, setText } from "../page/elements.js";
import { button } from "../page/fields.js";
import { Remote } from "../page/remote.js";
import { FileCard } from "./file_card.js";
import { Imports } from "./imports.js";

export class ImportPart {
  constructor(tools) {
    Object.assign(this, { tools, words: tools.words, cards: new Map() });
    const { words } = tools;
    this.failed = el("p", { class: "tm-field-error", role: "alert" });
    this.files = el("div", { class: "tm-listed" });
    this.waiting = new Remote(
      words,
      () => this.ask(),
      (answer) => this.draw(answer),
    );
    this.imports = new Imports(tools);
    this.element = el(
      "div",
      { class: "tm-listed" },
      el("p", { class: "tm-help" }, words("data.import.about")),
      this.dropPlace(),
      this.failed,
      this.waiting.element,
      this.imports.element,
    );
  }

  async open() {
    await Promise.all([this.waiting.load(), this.imports.load()]);
  }

  async ask() {
    const [choices, waiting] = await Promise.all([this.tools.choices(), this.tools.ask("/api/uploads")]);
    return { ...waiting, reads: choices.reads };
  }

  dropPlace() {
    const { words } = this;
    const input = el("input", {
      type: "file",
      id: "tm-data-file",
      class: "tm-unseen",
      tabindex: "-1",
      "aria-hidden": "true",
    });
    input.addEventListener("change", () => {
      for (const file of input.files) this.take(file);
      input.value = "";
    });
    const choose = button(words("data.import.choose"), () => input.click(), {
      class: "tm-button tm-primary",
      "data-focus": "choose",
    });
    const place = el(
      "div",
      { class: "tm-data-drop", role: "group", "aria-label": words("data.import.place") },
      el("p", {}, words("data.import.drop")),
      choose,
      input,
    );
    const over = (on) => (event) => {
      event.preventDefault();
      place.classList.toggle("tm-over", on);
    };
    place.addEventListener("dragenter", over(true));
    place.addEventListener("dragover", over(true));
    place.addEventListener("dragleave", over(false));
    place.addEventListener("drop", (event) => {
      over(false)(event);
      for (const file of event.dataTransfer?.files ?? []) this.take(file);
    });
    return place;
  }

  /** Send a file, from where it was left where a part of it is on the server already. */
  async take(file) {
    setText(this.failed, "");
    if (!this.answer) await this.waiting.load(); // dropped before the page knew what waits
    if (!this.answer) return;
    try {
      const begun = this.answer.uploads.find((one) => !one.whole && one.name === file.name && one.bytes === file.size);
      const upload = begun ?? (await this.tools.ask("/api/uploads", { name: file.name, bytes: file.size }));
      const card = this.cards.get(upload.id) ?? this.add(upload);
      card.send(file, this.answer.piece_bytes);
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      setText(this.failed, failure.message);
    }
  }

  draw(answer) {
    this.answer = answer;
    for (const upload of answer.uploads) {
      if (!this.cards.has(upload.id)) this.add(upload).resume(upload);
    }
    for (const [id, card] of this.cards) {
      const there = answer.uploads.some((one) => one.id === id);
      if (!there && !card.busy && !card.kept) this.drop(id);
    }
    return [this.files];
  }

  add(upload) {
    const card = new FileCard(this.tools, upload, this.answer.reads, {
      gone: () => this.drop(upload.id),
      taken: () => {
        this.tools.changed();
        this.imports.load();
      },
    });
    this.cards.set(upload.id, card);
    this.answer.uploads.push(upload);
    this.files.prepend(card.element);
    return card;
  }

  drop(id) {
    this.cards.get(id)?.element.remove();
    this.cards.delete(id);
    this.answer.uploads = this.answer.uploads.filter((one) => one.id !== id);
  }
}
