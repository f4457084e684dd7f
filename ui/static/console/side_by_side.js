// The same held-out prompts answered by two policies: the older on the left, the newer on the right.

import { el, foreignText, setText } from "../page/elements.js";
import { pagesOf } from "../page/pager.js";

const A_PAGE = 3;

export class SideBySide {
  constructor(tools) {
    Object.assign(this, tools);
    this.page = 0;
    this.pair = "";
    this.shownFor = "";
    this.pages = 1;
    this.asked = 0; // counts what was asked for: an answer that comes after a later question is not shown
    this.chosen = null;
    this.empty = el("p", { class: "tm-empty" }, this.words("sides.empty"));
    this.list = el("ol", { class: "tm-sides" });
    this.older = this.choice("older");
    this.newer = this.choice("newer");
    this.choices = el("div", { class: "tm-side-choices", hidden: true }, this.older.element, this.newer.element);
    this.position = el("span", { class: "tm-position", role: "status" });
    this.back = this.turn("sides.back", -1);
    this.forward = this.turn("sides.forward", 1);
    this.pager = el("div", { class: "tm-pager", hidden: true }, this.back, this.position, this.forward);
    this.element = el(
      "section",
      { class: "tm-box", id: "tm-side-by-side", "aria-labelledby": "tm-sides" },
      el(
        "div",
        { class: "tm-box-head" },
        el("h2", { class: "tm-box-title", id: "tm-sides" }, this.words("sides.title")),
        this.choices,
      ),
      this.empty,
      this.list,
      this.pager,
    );
  }

  choice(side) {
    const select = el("select", { class: "tm-select", onchange: () => this.choose() });
    return { select, element: el("label", {}, el("span", { class: "tm-label" }, this.words(`sides.${side}`)), select) };
  }

  turn(label, by) {
    return el(
      "button",
      { type: "button", class: "tm-button", onclick: () => this.load(this.page + by) },
      this.words(label),
    );
  }

  update({ policies, side_by_side: pair, finished }) {
    this.latest = pair;
    if (!pair) return;
    const names = policies.map((policy) => policy.name);
    if (JSON.stringify(names) !== this.names) this.offer(names);
    const [older, newer] = this.chosen ?? [pair.older, pair.newer];
    this.older.select.value = older;
    this.newer.select.value = newer;
    const shownFor = `${older}|${newer}|${finished}`; // runs that ended may have written more samples
    if (shownFor === this.shownFor) return;
    this.shownFor = shownFor;
    this.load(this.pair === `${older}|${newer}` ? this.page : 0);
  }

  offer(names) {
    this.names = JSON.stringify(names);
    for (const { select } of [this.older, this.newer])
      select.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
    this.choices.hidden = names.length < 2;
  }

  choose() {
    this.chosen = [this.older.select.value, this.newer.select.value];
    this.load(0);
  }

  async load(page) {
    const mine = ++this.asked;
    const [older, newer] = this.chosen ?? [this.latest.older, this.latest.newer];
    Object.assign(this, { page, pair: `${older}|${newer}` });
    this.bound();
    try {
      const query = new URLSearchParams({ older, newer, page, size: A_PAGE });
      const answer = await this.ask(`/api/side-by-side?${query}`);
      if (mine === this.asked) this.show(answer);
    } catch (failure) {
      if (mine !== this.asked) return;
      setText(this.empty, failure.message);
      this.empty.hidden = false;
    }
  }

  show({ rows, total, older, newer }) {
    this.list.replaceChildren(...rows.map((row) => this.row(row, older, newer)));
    this.empty.hidden = rows.length > 0;
    setText(this.empty, this.words(older === newer ? "sides.same" : "sides.none"));
    this.pages = pagesOf(total, A_PAGE);
    this.pager.hidden = this.pages < 2;
    setText(this.position, this.words("sides.position", { page: this.page + 1, pages: this.pages }));
    this.bound();
  }

  /** No press leads beyond the first page or the last. */
  bound() {
    this.back.disabled = this.page <= 0;
    this.forward.disabled = this.page >= this.pages - 1;
  }

  row({ prompt, a, b }, older, newer) {
    return el(
      "li",
      { class: "tm-side-row" },
      foreignText(el("p", { class: "tm-side-prompt" }), prompt),
      el("div", { class: "tm-panes" }, this.pane(older, a), this.pane(newer, b)),
    );
  }

  pane(name, completion) {
    return el(
      "section",
      { class: "tm-pane" },
      el("h3", { class: "tm-pane-title" }, el("span", { "data-name": name }, name)),
      foreignText(
        el("div", { class: "tm-response" }),
        completion.text.trim() === "" ? this.words("views.empty") : completion.text,
      ),
      completion.cut_off ? el("p", { class: "tm-cut-off" }, this.words("compare.cut_off")) : null,
    );
  }
}
