// Take the data away: choose a format, make the export, download its files.

import { el, setText } from "../page/elements.js";

export class Exports {
  constructor(tools) {
    Object.assign(this, tools);
    this.select = el("select", { class: "tm-select", id: "tm-format" });
    this.button = el(
      "button",
      { type: "button", class: "tm-button", onclick: () => this.make() },
      this.words("exports.make"),
    );
    this.result = el("div", { class: "tm-export", role: "status" });
    this.about = el("p", { class: "tm-empty" }, this.words("exports.about"));
    this.element = el(
      "section",
      { class: "tm-box", "aria-labelledby": "tm-exports" },
      el("h2", { class: "tm-box-title", id: "tm-exports" }, this.words("exports.title")),
      this.about,
      el(
        "div",
        { class: "tm-export-form" },
        el("label", { for: "tm-format" }, this.words("exports.format")),
        this.select,
        this.button,
      ),
      this.result,
    );
  }

  update({ formats }) {
    const known = JSON.stringify(formats);
    if (known === this.known) return;
    this.known = known;
    this.select.replaceChildren(...formats.map((name) => el("option", { value: name }, name)));
  }

  async make() {
    if (this.making) return;
    this.making = true;
    this.button.setAttribute("aria-disabled", "true");
    setText(this.result, this.words("exports.making"));
    try {
      this.show(await this.ask("/api/exports", { format: this.select.value }));
    } catch (failure) {
      setText(this.result, failure.message);
    } finally {
      this.making = false;
      this.button.removeAttribute("aria-disabled");
    }
  }

  show({ name, files, counts, dropped }) {
    const list = files.map(({ file, bytes }) =>
      el(
        "li",
        {},
        el(
          "a",
          { href: `/api/exports/${encodeURIComponent(name)}/${encodeURIComponent(file)}`, download: `${name}-${file}` },
          file,
        ),
        el("span", { class: "tm-when" }, this.words("exports.bytes", { n: new Intl.NumberFormat().format(bytes) })),
      ),
    );
    const said = Object.entries(counts).map(([what, n]) => `${what}: ${n}`);
    const left = Object.entries(dropped).map(([reason, n]) => `${reason}: ${n}`);
    this.result.replaceChildren(
      el("p", {}, said.join(" · ")),
      left.length ? el("p", { class: "tm-when" }, `${this.words("exports.dropped")} ${left.join(" · ")}`) : "",
      el("ul", { class: "tm-files" }, list),
    );
  }
}
