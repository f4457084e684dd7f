// What is asked: every setting that can be changed, what changed before it is saved, and errors beside their fields.

import { el, setText } from "../page/elements.js";
import { button, form } from "../page/fields.js";
import { Remote } from "../page/remote.js";
import { changeList } from "./change_list.js";
import { faultWords, settingField } from "../page/setting_field.js";
import { changesBetween } from "../page/setting_words.js";

export class AskedForm {
  constructor(page) {
    this.page = page;
    this.remote = new Remote(
      page.words,
      () => page.send("/api/settings"),
      (answer) => this.draw(answer),
    );
    this.element = this.remote.element;
    this.fields = null;
    this.said = "";
  }

  /** Load once: what was typed stays while other tabs are looked at. */
  open() {
    if (this.fields === null) this.remote.load();
  }

  draw({ version, fields, values, state }) {
    const { words } = this.page;
    Object.assign(this, { version, values });
    this.fields = fields.map((about) => settingField(this.page, about, values[about.name]));
    this.changes = el("div", { class: "tm-unsaved", "aria-live": "polite" });
    this.failed = el("div", { class: "tm-field-error", role: "alert" });
    this.saved = el("p", { class: "tm-said", role: "status" }, this.said);
    this.save = button(words("settings.save"), null, { class: "tm-button tm-primary", "data-focus": "save" });
    const parts = [...new Set(fields.map(({ part }) => part))];
    const made = form(
      [
        ...parts.map((part) => this.group(part)),
        el(
          "div",
          { class: "tm-box tm-save" },
          this.changes,
          this.failed,
          el("div", { class: "tm-actions" }, this.save, this.saved),
        ),
      ],
      () => this.send(),
      { oninput: () => this.changed(), onchange: () => this.changed() },
    );
    this.said = "";
    this.changed();
    return [el("p", { class: "tm-lead" }, words(`settings.state.${state}`)), made];
  }

  group(part) {
    const { words } = this.page;
    return el(
      "fieldset",
      { class: "tm-box tm-setting-group" },
      el("legend", { class: "tm-box-title" }, words(`settings.part.${part}`)),
      this.fields.filter(({ about }) => about.part === part).map((each) => each.element),
    );
  }

  found() {
    return changesBetween(this.values, Object.fromEntries(this.fields.map((each) => [each.about.name, each.read()])));
  }

  changed() {
    const { words } = this.page;
    const found = this.found();
    if (found.length > 0) setText(this.saved, "");
    this.changes.replaceChildren(
      ...(found.length === 0
        ? [el("p", { class: "tm-help" }, words("settings.unchanged"))]
        : [el("p", {}, words("settings.changes")), changeList(this.page, found)]),
    );
  }

  async send() {
    const { words, send } = this.page;
    const found = this.found();
    this.failed.replaceChildren();
    for (const each of this.fields) each.fail("");
    if (found.length === 0) return setText(this.failed, words("settings.unchanged"));
    const values = Object.fromEntries(found.map(([name, , after]) => [name, after]));
    try {
      await send("/api/settings", { version: this.version, values });
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      return this.refused(failure);
    }
    this.said = words("settings.saved");
    return this.remote.load();
  }

  refused(failure) {
    const { words } = this.page;
    const wrong = this.fields.filter(({ about }) => about.name in failure.fields);
    for (const each of wrong) each.fail(faultWords(this.page, each.about, failure.fields[each.about.name]));
    if (failure.status === 409) {
      const reload = button(words("settings.load_theirs"), () => this.remote.load(), { "data-focus": "theirs" });
      this.failed.replaceChildren(el("p", {}, words("settings.conflict")), reload);
      reload.focus();
    } else if (wrong.length > 0) {
      this.failed.replaceChildren(words("settings.refused"));
      wrong[0].input.focus();
    } else this.failed.replaceChildren(failure.message);
  }
}
