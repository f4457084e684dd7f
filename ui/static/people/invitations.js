// Links by which people make their accounts: one, or up to 40 from a table; each is shown once.

import { el, setText } from "../page/elements.js";
import { button, choice, field, form, listed, textInput } from "../page/fields.js";
import { dayWords } from "../page/moments.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";
import { acting } from "../page/acting.js";

const ROLES = ["annotator", "lead", "researcher", "admin"];
const DAYS = 14;
const EXAMPLE = "name,languages,tags,quota\nAnn,en,,200\nBob,en;zh,medicine,";

export class Invitations {
  constructor(tools) {
    Object.assign(this, tools);
    this.list = new Remote(
      this.words,
      () => this.ask("/api/invitations"),
      (answer) => this.draw(answer),
    );
    this.links = el("div", { class: "tm-links", role: "status" });
    this.element = el(
      "div",
      { class: "tm-listed" },
      this.me.accounts ? null : el("p", { class: "tm-help" }, this.words("people.invite.first_admin")),
      el("div", { class: "tm-columns" }, this.one(), this.many()),
      this.links,
      el("h2", { class: "tm-box-title" }, this.words("people.invite.open")),
      this.list.element,
    );
  }

  open() {
    return this.list.load();
  }

  one() {
    const { words } = this;
    const roles = this.me.role === "admin" ? ROLES : ["annotator"];
    const role = choice(
      roles.map((name) => [name, words(`door.role.${name}`)]),
      "annotator",
    );
    const inputs = {
      name: textInput({ maxlength: "100" }),
      languages: textInput(),
      tags: textInput(),
      quota: textInput({ type: "number", min: "0", max: "1000000", inputmode: "numeric" }),
    };
    const fields = Object.entries(inputs).map(([name, input]) =>
      field(words(`people.invite.${name}`), input, words(`people.invite.${name}_help`)),
    );
    const send = async (fail) => {
      const quota = inputs.quota.value.trim();
      const { link, name } = await this.ask("/api/invitations", {
        name: inputs.name.value.trim() || null,
        role: role.value,
        languages: listed(inputs.languages.value),
        tags: listed(inputs.tags.value),
        quota: quota === "" ? null : Number(quota),
        days: DAYS,
      });
      this.show([{ name: inputs.name.value.trim() || name, link }]);
      for (const input of Object.values(inputs)) input.value = "";
      fail("");
    };
    const roleField = field(words("people.invite.role"), role, words("people.invite.role_help"));
    return this.box("people.invite.one", [roleField, ...fields], send);
  }

  many() {
    const { words } = this;
    const text = el("textarea", { class: "tm-area", rows: "8", spellcheck: "false", placeholder: EXAMPLE });
    const file = textInput({ type: "file", accept: ".csv,text/csv" });
    file.addEventListener("change", async () => (text.value = (await file.files[0]?.text()) ?? text.value));
    const send = async (fail) => {
      if (text.value.trim() === "") return fail(words("people.invite.table_empty"));
      const { made } = await this.ask("/api/invitations/table", { csv: text.value, days: DAYS });
      this.show(made);
      text.value = "";
      return fail("");
    };
    const fields = [
      field(words("people.invite.file"), file, words("people.invite.file_help")),
      field(words("people.invite.table"), text, words("people.invite.table_help")),
    ];
    return this.box("people.invite.many", fields, send);
  }

  box(title, fields, send) {
    const { words } = this;
    const failed = el("p", { class: "tm-field-error", role: "alert" });
    const fail = (message) => setText(failed, message);
    const submit = async () => {
      try {
        await send(fail);
        await this.list.load();
      } catch (failure) {
        if (!("status" in failure)) throw failure;
        fail(failure.message);
      }
    };
    const parts = [...fields.map((each) => each.element), failed];
    const go = el(
      "div",
      { class: "tm-actions" },
      button(words("people.invite.make"), null, { class: "tm-button tm-primary" }),
    );
    return el(
      "section",
      { class: "tm-box" },
      el("h2", { class: "tm-box-title" }, words(title)),
      form([...parts, go], submit),
    );
  }

  /** Links are told this once: they stay until the page is left. */
  show(made) {
    const { words } = this;
    const text = made.map(({ name, link }) => (name ? `${name}\t${link}` : link)).join("\n");
    const copied = el("span", { class: "tm-said", role: "status" });
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(text);
        setText(copied, words("people.invite.copied"));
      } catch {
        setText(copied, words("people.invite.not_copied")); // the browser did not allow it
        area.select();
      }
    };
    const area = el("textarea", { class: "tm-area", rows: String(Math.min(made.length + 1, 12)), readonly: true });
    area.value = text;
    // Over plain http from another machine there is no clipboard: the text can be selected.
    const tool = navigator.clipboard ? [button(words("people.invite.copy"), copy), copied] : [];
    const shown = field(words("people.invite.links", { n: made.length }), area, words("people.invite.links_help"));
    this.links.replaceChildren(
      el("section", { class: "tm-box" }, shown.element, el("div", { class: "tm-actions" }, tool)),
    );
    area.focus();
    area.select();
  }

  draw({ invitations }) {
    const { words, language } = this;
    if (invitations.length === 0) return el("p", { class: "tm-empty" }, words("people.invite.none"));
    const row = (one) => {
      const revoke = async () => {
        await this.ask(`/api/invitations/${one.id}/revoke`, {});
        await this.list.load();
      };
      return [
        el("span", { dir: "auto" }, one.name ?? words("people.invite.they_choose")),
        words(`door.role.${one.role}`),
        el("span", { dir: "auto" }, one.by ?? "–"),
        dayWords(one.expires_at.slice(0, 10), language),
        el(
          "span",
          {},
          acting(words("people.invite.revoke"), revoke, {
            class: "tm-button tm-slim",
            "data-focus": `revoke-${one.id}`,
          }),
        ),
      ];
    };
    const columns = ["name", "role", "by", "until", "revoke"].map((name) => [
      words(`people.invite.column.${name}`),
      false,
    ]);
    return table(words("people.invite.open"), columns, invitations.map(row));
  }
}
