// Tokens by which programs use the HTTP interface: made here (and shown once), seen, revoked.

import { askBack, showDialog } from "../page/dialog.js";
import { el, foreignText } from "../page/elements.js";
import { button, field, form, manyOf, textInput } from "../page/fields.js";
import { momentWords } from "../page/moments.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";

export class Tokens {
  constructor(page) {
    this.page = page;
    this.list = new Remote(
      page.words,
      () => page.send("/api/tokens"),
      (answer) => this.draw(answer),
    );
    this.element = el(
      "section",
      { class: "tm-box tm-stack", "aria-labelledby": "tm-tokens" },
      el("h2", { class: "tm-box-title", id: "tm-tokens" }, page.words("tokens.title")),
      el(
        "p",
        { class: "tm-help" },
        page.words("tokens.about"),
        " ",
        el("a", { href: "/docs", class: "tm-inline-link" }, page.words("tokens.docs")),
      ),
      this.list.element,
    );
  }

  draw({ tokens, scopes, most_days: most }) {
    return [
      tokens.length ? this.table(tokens) : el("p", { class: "tm-empty" }, this.page.words("tokens.none")),
      this.form(scopes, most),
    ];
  }

  table(tokens) {
    const { words, language } = this.page;
    const rows = tokens.map((one) => [
      foreignText(el("span"), one.name),
      one.scopes.map((scope) => words(`tokens.scope.${scope}`)).join(", "),
      words(`tokens.state.${one.state.replaceAll(" ", "_")}`),
      momentWords(one.expires_at, language),
      one.seen_at ? momentWords(one.seen_at, language) : words("tokens.never"),
      one.state === "in force" ? this.revoke(one) : "",
    ]);
    const columns = ["name", "scopes", "state", "until", "seen"].map((name) => [words(`tokens.${name}`), false]);
    return table(
      words("tokens.title"),
      [...columns, [el("span", { class: "tm-unseen" }, words("tokens.revoke")), false]],
      rows,
    );
  }

  revoke({ id, name }) {
    const { words, root, send } = this.page;
    const ask = async () => {
      const done = await askBack(words, root, {
        title: words("tokens.revoke_title", { name }),
        lines: [words("tokens.revoke_about")],
        confirm: words("tokens.revoke"),
        danger: true,
        act: () => send(`/api/tokens/${id}/revoke`, {}),
      });
      if (done) this.list.load();
    };
    return button(words("tokens.revoke"), ask, {
      class: "tm-small",
      "aria-label": words("tokens.revoke_title", { name }),
      "data-focus": `revoke-${id}`,
    });
  }

  form(scopes, most) {
    const { words } = this.page;
    const name = field(
      words("tokens.name"),
      textInput({ maxlength: "100", required: true }),
      words("tokens.name_help"),
    );
    const days = field(words("tokens.days"), textInput({ type: "number", min: "1", max: String(most), value: "90" }));
    const may = manyOf(
      words("tokens.scopes"),
      scopes.map((scope) => [scope, words(`tokens.scope.${scope}`)]),
      ["read"],
    );
    const failed = el("p", { class: "tm-field-error", role: "alert" });
    const send = async () => {
      failed.textContent = "";
      name.fail(name.input.value.trim() ? "" : words("form.needed"));
      if (!name.input.value.trim()) return name.input.focus();
      try {
        this.show(
          await this.page.send("/api/tokens", {
            name: name.input.value,
            scopes: may.chosen(),
            days: Number(days.input.value),
          }),
        );
      } catch (failure) {
        if (!("status" in failure)) throw failure;
        failed.textContent = failure.message;
      }
    };
    return form(
      [
        name.element,
        may.element,
        days.element,
        failed,
        el("div", { class: "tm-actions" }, button(words("tokens.make"))),
      ],
      send,
    );
  }

  /** The only time that a token is told. */
  show({ token }) {
    const { words, root } = this.page;
    const text = textInput({
      readonly: true,
      value: token,
      class: "tm-input tm-token",
      "aria-label": words("tokens.text"),
      spellcheck: "false",
    });
    text.addEventListener("focus", () => text.select());
    showDialog(words, root, words("tokens.made"), [el("p", {}, words("tokens.made_about")), text]);
    text.focus();
    return this.list.load();
  }
}
