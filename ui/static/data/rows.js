// A table of rows of the study, the newest first: its filters stand in the address, and each row opens what belongs to it.

import { filtersOf, hashOf, query } from "../page/address.js";
import { el, setText } from "../page/elements.js";
import { button, choice, field, form, textInput } from "../page/fields.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";
import { link } from "./pieces.js";

const SIZE = 25;

export class Rows {
  /**
   * `part`: {name, about, empty, fields(choices): [{key, label, options | type, help}], links: keys of filters that other
   * rows lead to, columns: [[title, numeric]], cells(row), detail(answer): nodes}.
   */
  constructor(tools, part) {
    Object.assign(this, { tools, part, words: tools.words, filters: {}, befores: [null], back: `#${part.name}` });
    const { words } = tools;
    this.form = el("div", { class: "tm-data-filters" });
    this.list = new Remote(
      words,
      () => this.collect(),
      (answer) => this.draw(answer),
    );
    this.looking = el("p", { class: "tm-summary", role: "status" });
    this.stop = button(words("data.stop"), () => (this.stopped = true), { class: "tm-button tm-slim", hidden: true });
    this.listing = el(
      "div",
      { class: "tm-listed" },
      el("p", { class: "tm-help" }, part.about),
      this.form,
      el("div", { class: "tm-actions" }, this.looking, this.stop),
      this.list.element,
    );
    this.one = new Remote(
      words,
      () => tools.ask(`/api/data/${part.name}/${encodeURIComponent(this.id)}`),
      (answer) => this.drawOne(answer),
    );
    this.single = el("div", { class: "tm-listed", hidden: true }, this.one.element);
    this.element = el("div", {}, this.listing, this.single);
  }

  /** Called with what the address asks for: one row by its id, or the table. */
  async open(id) {
    const asked = filtersOf(location.hash);
    this.single.hidden = id === null;
    this.listing.hidden = id !== null;
    if (id !== null) {
      if (id !== this.id) this.one.element.replaceChildren();
      this.id = id;
      await this.one.load();
      this.one.element.querySelector("h2")?.focus();
      return;
    }
    this.filters = asked;
    this.back = location.hash || this.back;
    this.befores = [null];
    await this.list.load();
  }

  /** A page of rows; where the server's time was over before it was full, it is asked to look further back. */
  async collect() {
    const { words, tools, part } = this;
    const choices = await tools.choices();
    this.layFilters(choices);
    const mine = (this.asking = (this.asking ?? 0) + 1);
    this.stopped = false;
    const rows = [];
    let before = this.befores.at(-1);
    for (;;) {
      const answer = await tools.ask(
        `/api/data/${part.name}?${query({ ...this.known(), before, size: SIZE - rows.length })}`,
      );
      rows.push(...answer.rows);
      before = answer.before;
      const more = !answer.filled && before !== null && mine === this.asking;
      this.stop.hidden = !more || this.stopped;
      setText(
        this.looking,
        more ? words(this.stopped ? "data.stopped" : "data.looking", { found: rows.length, id: before }) : "",
      );
      if (!more || this.stopped) return { rows, before };
    }
  }

  /** Only filters that this table has: an address may hold anything. */
  known() {
    const names = [...this.fields.map(({ key }) => key), ...this.part.links];
    return Object.fromEntries(names.map((name) => [name, this.filters[name] ?? ""]));
  }

  layFilters(choices) {
    const { words, part } = this;
    this.fields = part.fields(choices);
    const drawn = JSON.stringify([this.fields, this.filters]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const inputs = this.fields.map((one) => [one, inputOf(part.name, one, this.filters[one.key] ?? "")]);
    const apply = () => this.go(Object.fromEntries(inputs.map(([{ key }, input]) => [key, input.value.trim()])));
    for (const [one, input] of inputs) if (one.options) input.addEventListener("change", apply);
    const kept = this.form.contains(document.activeElement) ? document.activeElement.id : null;
    this.form.replaceChildren(
      form(
        [
          el(
            "div",
            { class: "tm-data-fields" },
            inputs.map(([one, input]) => field(one.label, input, one.help ?? "").element),
          ),
          el(
            "div",
            { class: "tm-actions" },
            button(words("data.filter"), null, { class: "tm-button tm-slim" }),
            button(words("data.clear"), () => this.go({}, false), { class: "tm-button tm-slim" }),
          ),
        ],
        apply,
        { role: "search", "aria-label": words(`data.tab.${part.name}`) },
      ),
      this.chips(),
    );
    if (kept) this.form.querySelector(`#${CSS.escape(kept)}`)?.focus();
  }

  /** Filters that came with a link from another row, each with a way to drop it. */
  chips() {
    const { words, part } = this;
    const given = part.links.filter((name) => this.filters[name]);
    const drop = (name) => {
      const { [name]: dropped, ...rest } = this.filters;
      location.hash = hashOf(part.name, rest);
    };
    return el(
      "div",
      { class: "tm-actions" },
      given.map((name) =>
        button(`${words(`data.only.${name}`, { id: this.filters[name] })} ×`, () => drop(name), {
          class: "tm-button tm-slim",
          "aria-label": `${words(`data.only.${name}`, { id: this.filters[name] })}: ${words("data.drop")}`,
        }),
      ),
    );
  }

  go(values, keep = true) {
    const links = keep ? Object.fromEntries(this.part.links.map((name) => [name, this.filters[name]])) : {};
    const hash = hashOf(this.part.name, { ...values, ...links });
    if (location.hash === hash) this.open(null);
    else location.hash = hash;
  }

  draw({ rows, before }) {
    const { words, part, befores } = this;
    const narrowed = Object.values(this.known()).some(Boolean);
    if (rows.length === 0 && befores.length === 1)
      return el("p", { class: "tm-empty" }, narrowed ? words("data.none_fits") : part.empty);
    const turn = (to) => ((this.befores = to), this.list.load());
    const step = (key, to, disabled) =>
      button(words(key), () => turn(to), { class: "tm-button tm-slim", disabled, "data-focus": key });
    const many = before !== null || befores.length > 1;
    return [
      table(
        words(`data.tab.${part.name}`),
        part.columns,
        rows.map((row) => part.cells(row)),
      ),
      many
        ? el(
            "nav",
            { class: "tm-pager", "aria-label": words("pager.label") },
            step("data.newer", befores.slice(0, -1), befores.length === 1),
            el("span", { class: "tm-position" }, words("data.page", { n: befores.length })),
            step("data.older", [...befores, before], before === null),
          )
        : null,
    ];
  }

  drawOne(answer) {
    const { words, part } = this;
    return [
      el("p", {}, link(this.back, words("data.back"))),
      el("h2", { class: "tm-box-title", tabindex: "-1" }, words(`data.one.${part.name}`, { id: answer.id })),
      ...part.detail(answer),
    ];
  }
}

/** The input of a filter, with an id that stays when it is drawn anew. */
function inputOf(name, { key, options, type = "search", ...limits }, value) {
  const attributes = { id: `tm-${name}-${key}` };
  if (options) return choice(options, value, attributes);
  const { min, max, maxlength } = limits;
  return textInput({ ...attributes, type, value, min, max, maxlength: maxlength ?? "200" });
}
