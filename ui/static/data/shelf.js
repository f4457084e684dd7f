// The exports that were made: what each holds, its files to download, and taking it away.

import { askBack } from "../page/dialog.js";
import { el, foreignText } from "../page/elements.js";
import { button } from "../page/fields.js";
import { momentWords } from "../page/moments.js";
import { pager, pagesOf } from "../page/pager.js";
import { Remote } from "../page/remote.js";
import { countsView } from "./export_view.js";
import { link } from "./pieces.js";
import { bytesWords } from "./words_of.js";

const SIZE = 10;
const LOOK_MILLISECONDS = 1500;

export class Shelf {
  constructor(tools) {
    Object.assign(this, { tools, words: tools.words, page: 0 });
    const { words } = tools;
    this.list = new Remote(
      words,
      () => tools.ask("/api/exports"),
      (answer) => this.draw(answer),
    );
    this.element = el(
      "section",
      { class: "tm-listed", "aria-labelledby": "tm-shelf" },
      el("h2", { class: "tm-box-title", id: "tm-shelf" }, words("data.shelf.title")),
      this.list.element,
    );
  }

  load() {
    return this.list.load();
  }

  draw({ exports, under_way: working, failed }) {
    const { words, tools } = this;
    clearTimeout(this.again);
    if (working.length) this.again = setTimeout(() => tools.alive() && this.load(), LOOK_MILLISECONDS);
    if (exports.length + working.length + failed.length === 0)
      return el("p", { class: "tm-empty" }, words("data.shelf.none"));
    this.page = Math.min(this.page, pagesOf(exports.length, SIZE) - 1); // the last one of a page may have been removed
    const shown = exports.slice(this.page * SIZE, (this.page + 1) * SIZE);
    return [
      ...working.map((one) => el("p", { class: "tm-box", role: "status" }, words("data.shelf.working", one))),
      ...failed.map((one) =>
        el(
          "p",
          { class: "tm-field-error" },
          words("data.shelf.failed", { name: one.name, why: one.error ?? words("data.export.cut_off") }),
        ),
      ),
      el(
        "ul",
        { class: "tm-items" },
        shown.map((one) => el("li", { class: "tm-box" }, this.item(one))),
      ),
      pager(words, { page: this.page, size: SIZE, total: exports.length }, (page) => ((this.page = page), this.load())),
    ];
  }

  item(one) {
    const { words, tools } = this;
    const path = (file) => `/api/exports/${encodeURIComponent(one.name)}/${encodeURIComponent(file)}`;
    const files = one.files.map(({ file, bytes }) =>
      el(
        "li",
        {},
        link(path(file), file, { download: `${one.name}-${file}` }),
        " ",
        el("span", { class: "tm-help" }, bytesWords(words, bytes)),
      ),
    );
    const filters = Object.entries(one.filters).map(
      ([name, value]) => `${words(`data.filter.${name}`)}: ${[value].flat().join(", ")}`,
    );
    const made = one.made_at
      ? words("data.shelf.made", { at: momentWords(one.made_at, tools.language), by: one.by ?? "–" })
      : words("data.shelf.unknown");
    return [
      el("h3", { class: "tm-label", dir: "auto" }, one.name),
      one.trouble ? el("p", { class: "tm-field-error" }, words(`data.shelf.${one.trouble}`)) : null,
      el("p", { class: "tm-help" }, made),
      filters.length ? foreignText(el("p", {}), filters.join(" · ")) : null,
      one.filters.snapshot
        ? el(
            "p",
            {},
            link(
              `#export?format=${one.format}&snapshot=${one.filters.snapshot}`,
              words("data.shelf.same_again", { run: one.filters.snapshot }),
            ),
          )
        : null,
      el("ul", { class: "tm-files" }, files),
      Object.keys(one.counts).length
        ? el(
            "details",
            { class: "tm-data-more" },
            el("summary", {}, words("data.export.counts")),
            countsView(tools, one),
          )
        : null,
      el(
        "div",
        { class: "tm-actions" },
        button(words("data.shelf.remove"), () => this.remove(one), {
          class: "tm-button tm-slim",
          "data-focus": `remove-${one.name}`,
          "aria-label": `${words("data.shelf.remove")}: ${one.name}`,
        }),
      ),
    ];
  }

  async remove(one) {
    const { words, tools } = this;
    const title = words("data.shelf.remove");
    const act = () => tools.ask(`/api/exports/${encodeURIComponent(one.name)}/remove`, {});
    if (
      await askBack(words, tools.root, {
        title,
        lines: [one.name, words("data.shelf.remove_means")],
        confirm: title,
        act,
        danger: true,
      })
    )
      await this.load();
  }
}
