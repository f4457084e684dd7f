// Guidelines and information text: an editor for each language, and every version that there was.

import { askBack, showDialog } from "../page/dialog.js";
import { el, foreignText, renderedText, setText } from "../page/elements.js";
import { button, choice, field, form } from "../page/fields.js";
import { languageWords, momentWords } from "../page/moments.js";
import { pager } from "../page/pager.js";
import { Remote } from "../page/remote.js";

const VERSIONS_A_PAGE = 10;

/** The latest version in a language, or null; `versions` come newest first. */
export function latestIn(versions, language) {
  return versions.find((one) => one.language === language) ?? null;
}

/** Which number a text saved in a language gets. A number of a translated text means the same in every language. */
export function nextVersion(versions, language, translated) {
  const own = latestIn(versions, language)?.version ?? 0;
  const newest = translated ? Math.max(0, ...versions.map((one) => one.version)) : 0;
  return Math.max(own + 1, newest);
}

export class Texts {
  /** `kind`: guidelines or information. */
  constructor(page, kind) {
    Object.assign(this, { page, kind, chosen: page.language, kept: {}, said: "" });
    this.remote = new Remote(
      page.words,
      () => page.send(`/api/${kind}/versions`),
      (answer) => this.draw(answer),
    );
    this.element = this.remote.element;
    this.loaded = false;
  }

  /** Load once: what was typed stays while other tabs are looked at. */
  open() {
    if (!this.loaded) this.remote.load();
  }

  draw({ versions }) {
    this.loaded = true;
    this.versions = versions;
    this.editing = el("div", { class: "tm-stack" });
    this.listing = el("div", { class: "tm-stack tm-versions" });
    this.edit();
    this.list(0);
    return [el("p", { class: "tm-lead" }, this.page.words(`${this.kind}.about`)), this.editing, this.listing];
  }

  edit() {
    const { words, language, languages } = this.page;
    const latest = latestIn(this.versions, this.chosen);
    const known = [...new Set([...Object.keys(languages), ...this.versions.map((one) => one.language)])];
    const options = known.map((code) => [code, languages[code] ?? languageWords(code, language)]);
    const select = field(words("texts.language"), choice(options, this.chosen, { "data-focus": "language" }));
    select.input.addEventListener("change", () => {
      this.keep();
      this.chosen = select.input.value;
      this.edit();
      this.editing.querySelector("[data-focus=language]").focus();
    });
    const area = el("textarea", {
      class: "tm-editor",
      rows: "14",
      maxlength: "100000",
      dir: "auto",
      lang: this.chosen,
    });
    area.value = this.kept[this.chosen] ?? latest?.text ?? "";
    this.area = area;
    this.text = field(words("texts.text"), area, words("texts.help"));
    this.failed = el("p", { class: "tm-field-error", role: "alert" });
    const said = el("p", { class: "tm-said", role: "status" }, this.said);
    this.said = "";
    const next = nextVersion(this.versions, this.chosen, this.kind === "information");
    this.editing.replaceChildren(
      el(
        "section",
        { class: "tm-box", "aria-label": words(`settings.${this.kind}`) },
        form(
          [
            select.element,
            this.text.element,
            this.failed,
            el(
              "div",
              { class: "tm-actions" },
              button(words("texts.save", { version: next })),
              button(words("texts.preview"), () => this.preview()),
              said,
            ),
          ],
          () => this.save(latest, next),
        ),
      ),
    );
  }

  keep() {
    this.kept[this.chosen] = this.area.value;
  }

  /** What people will see, in a dialog; nothing is stored. */
  preview() {
    const { words, root, send } = this.page;
    const text = this.area.value;
    this.text.fail(text === "" ? words("form.needed") : "");
    if (text === "") return this.area.focus();
    const shown = new Remote(
      words,
      () => send("/api/texts/preview", { text }),
      ({ html }) => written(html, text, { class: "tm-information", lang: this.chosen, tabindex: "0" }),
    );
    showDialog(words, root, words("texts.preview"), [shown.element]);
    return shown.load();
  }

  async save(latest, next) {
    const { words } = this.page;
    const text = this.area.value;
    setText(this.failed, "");
    this.text.fail("");
    const refusal = text.trim() === "" ? "form.needed" : text === latest?.text ? "texts.same" : null;
    if (refusal) {
      this.text.fail(words(refusal));
      return this.area.focus();
    }
    const body = { language: this.chosen, text, after: latest?.id ?? null };
    try {
      if (!(await this.stored(body, next))) return undefined;
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      return setText(this.failed, failure.status === 409 ? words("texts.conflict") : failure.message);
    }
    delete this.kept[this.chosen];
    this.said = words("texts.saved", { version: next });
    return this.remote.load();
  }

  /** Store; a new version of what people agreed to is asked back, because everybody has to agree anew. */
  async stored(body, next) {
    const { words, root, send } = this.page;
    const act = () => send(`/api/${this.kind}`, body);
    const agreed = this.kind === "information" && this.versions.length > 0;
    if (!agreed || this.versions.some((one) => one.version === next)) return act();
    return askBack(words, root, {
      title: words("information.ask_title", { version: next }),
      lines: [words("information.ask_about")],
      confirm: words("information.ask_confirm"),
      act,
    });
  }

  list(page) {
    const { words } = this.page;
    const { versions } = this;
    const size = VERSIONS_A_PAGE;
    const title = el("h2", { class: "tm-box-title", tabindex: "-1" }, words("texts.versions"));
    const turn = pager(words, { page, size, total: versions.length }, (to) => {
      this.list(to);
      this.listing.querySelector("h2").focus();
    });
    const shown = versions.slice(page * size, (page + 1) * size).map((one) => this.version(one));
    const none = versions.length === 0 ? el("p", { class: "tm-empty" }, words(`texts.none.${this.kind}`)) : null;
    this.listing.replaceChildren(...[title, none, ...shown, turn].filter(Boolean));
  }

  version({ version, language, at, by, text, html }) {
    const { words, language: reader } = this.page;
    const about = { version, language: languageWords(language, reader), at: momentWords(at, reader) };
    return el(
      "details",
      { class: "tm-box tm-version" },
      el("summary", {}, words("texts.version", about), by === null ? "" : ` · ${by}`),
      written(html, text, { class: "tm-version-text", lang: language }),
    );
  }
}

/** A text as people see it: rendered where it can be, else as it was typed. */
function written(html, text, attributes) {
  const node = el("div", attributes);
  return html === null ? foreignText(node, text) : renderedText(node, html);
}
