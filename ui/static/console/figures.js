// Numbers that can be asked where they come from: each is a button that opens its rows, or what it is derived from.

import { showDialog } from "../page/dialog.js";
import { el, foreignText } from "../page/elements.js";
import { button } from "../page/fields.js";
import { momentWords } from "../page/moments.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";

const A_PAGE = 20;
/** Where a row of a kind is looked at further. */
const PLACES = {
  prompt: (number) => `/data#prompts/${number}`,
  completion: (number) => `/data#completions/${number}`,
  judgment: (number) => `/data#judgments/${number}`,
  comparison: (number) => `/data#judgments?comparison=${number}`,
  round: (number) => `/data#judgments?round=${number}`,
  run: (number) => `/runs#${number}`,
};

/** A number that opens what it comes from. */
export function figure(tools, name, text) {
  return el(
    "button",
    {
      type: "button",
      class: "tm-figure-link",
      "data-figure": name,
      "data-focus": name,
      title: tools.words("figure.open"),
      onclick: () => tools.lookBehind(name),
    },
    text,
  );
}

/**
 * A sentence of the language file with its values put in: `values` are texts, or nodes such as figures. Text and nodes,
 * in order.
 */
export function phrase(words, key, values) {
  return words(key)
    .split(/\{(\w+)\}/)
    .map((piece, place) => (place % 2 ? (values[piece] ?? `{${piece}}`) : piece))
    .filter((piece) => piece !== "");
}

/** Put nodes into an element only where they differ, so that focus and what is read aloud stay. */
export function refill(element, nodes) {
  const made = el(element.tagName, {}, [nodes].flat());
  const [now, then] = [[...made.childNodes], [...element.childNodes]];
  if (now.length === then.length && now.every((node, place) => node.isEqualNode(then[place]))) return;
  const inside = element.contains(document.activeElement);
  const kept = inside ? document.activeElement.dataset.focus : null;
  element.replaceChildren(...now);
  if (kept) element.querySelector(`[data-focus="${CSS.escape(kept)}"]`)?.focus({ preventScroll: true });
}

/** What a figure comes from, in a dialog: rows page by page, or the figures of which it is made. */
export class Behind {
  constructor(tools, root) {
    Object.assign(this, { tools, root });
  }

  open(name) {
    const { words } = this.tools;
    this.pages = [0];
    this.name = name;
    const path = () => `/api/loop/figures/${encodeURIComponent(this.name)}?after=${this.pages.at(-1)}&limit=${A_PAGE}`;
    this.list = new Remote(
      words,
      () => this.tools.ask(path()),
      (answer) => this.draw(answer),
    );
    this.dialog = showDialog(words, this.root, words("figure.title"), [this.list.element]);
    return this.list.load();
  }

  show(name) {
    this.name = name;
    this.pages = [0];
    return this.list.load();
  }

  draw(answer) {
    const { words, has, language } = this.tools;
    const named = has(`figure.${answer.name}`) ? words(`figure.${answer.name}`) : answer.name;
    const value = answer.value === null ? words("figure.none") : String(Number(answer.value.toPrecision(6)));
    const head = el("p", { class: "tm-figure-head" }, named, ": ", el("strong", { "data-value": answer.value }, value));
    const asOf = answer.as_of
      ? el("p", { class: "tm-as-of" }, words("people.as_of", { at: momentWords(answer.as_of, language) }))
      : null;
    if (answer.how === "derived") return [head, this.derived(answer)];
    return [
      head,
      el("p", { class: "tm-help" }, words(`figure.how.${answer.how}`)),
      this.rows(answer),
      this.pager(answer),
      asOf,
    ];
  }

  derived({ inputs, rule }) {
    const { words, has } = this.tools;
    const names = inputs.map((name) =>
      el(
        "li",
        {},
        button(has(`figure.${name}`) ? words(`figure.${name}`) : name, () => this.show(name), {
          class: "tm-plain",
          "data-focus": name,
        }),
      ),
    );
    return el(
      "div",
      { class: "tm-stack" },
      el("p", { class: "tm-help" }, words("figure.how.derived")),
      el("code", {}, rule),
      names.length ? el("ul", { class: "tm-figure-inputs" }, names) : null,
    );
  }

  rows({ rows }) {
    const { words } = this.tools;
    if (rows.length === 0) return el("p", { class: "tm-empty" }, words("figure.no_rows"));
    const lines = rows.map((row) => [
      this.place(row),
      foreignText(el("span"), row.text),
      String(Number(row.amount.toPrecision(4))),
    ]);
    const columns = [
      [words("figure.row"), false],
      [words("figure.text"), false],
      [words("figure.amount"), true],
    ];
    return table(words("figure.title"), columns, lines);
  }

  place({ kind, number }) {
    const name = this.tools.words(`figure.kind.${kind}`, { n: number });
    return kind in PLACES ? el("a", { href: PLACES[kind](number), class: "tm-link-plain" }, name) : name;
  }

  pager({ next }) {
    const { words } = this.tools;
    if (next === null && this.pages.length === 1) return null;
    const back = () => (this.pages.pop(), this.list.load());
    const on = () => (this.pages.push(next), this.list.load());
    return el(
      "nav",
      { class: "tm-pager", "aria-label": words("pager.label") },
      button(words("pager.back"), back, {
        disabled: this.pages.length === 1,
        class: "tm-button tm-slim",
        "data-focus": "back",
      }),
      button(words("pager.forward"), on, {
        disabled: next === null,
        class: "tm-button tm-slim",
        "data-focus": "forward",
      }),
    );
  }
}
