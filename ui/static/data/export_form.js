// What an export is asked to be: format, its options, filters, licences.

import { el } from "../page/elements.js";
import { button, choice, field, form, listed, textInput } from "../page/fields.js";
import { languageWords } from "../page/moments.js";
import { named, orAny } from "./filter_fields.js";

const FILTERS = [
  "snapshot",
  "round",
  "split",
  "purpose",
  "policy",
  "person",
  "language",
  "tags",
  "agreement",
  "reliability",
  "since",
  "until",
];
const NUMBERS = ["snapshot", "round", "agreement", "reliability"];
const LICENCES = ["data_licence", "base_licence"];

export class ExportForm {
  /** `asked` is what stands in the address; `look(body)` and `make(body)` do it. */
  constructor(tools, choices, asked, { look, make }) {
    Object.assign(this, { tools, words: tools.words, choices });
    const { words } = tools;
    const names = choices.writes.map(({ name }) => name);
    this.format = choice(
      names.map((name) => [name, words(`data.format.${name.replaceAll("-", "_")}`)]),
      names.includes(asked.format) ? asked.format : "trl",
      { id: "tm-export-format" },
    );
    this.format.addEventListener("change", () => this.layOptions());
    this.options = el("div", { class: "tm-data-fields" });
    this.inputs = Object.fromEntries(FILTERS.map((name) => [name, this.input(name, asked[name] ?? "")]));
    this.fields = Object.fromEntries(
      FILTERS.map((name) => [
        name,
        field(words(`data.filter.${name}`), this.inputs[name], words(`data.filter.${name}_help`)),
      ]),
    );
    this.licences = Object.fromEntries(LICENCES.map((name) => [name, textInput({ maxlength: "200" })]));
    const given = FILTERS.some((name) => asked[name]);
    this.element = form(
      [
        field(words("data.export.format"), this.format).element,
        this.options,
        el(
          "details",
          { class: "tm-data-more", open: given },
          el("summary", {}, words("data.export.filters")),
          el(
            "div",
            { class: "tm-data-fields" },
            FILTERS.map((name) => this.fields[name].element),
          ),
        ),
        el(
          "details",
          { class: "tm-data-more" },
          el("summary", {}, words("data.export.licences")),
          el(
            "div",
            { class: "tm-data-fields" },
            LICENCES.map(
              (name) =>
                field(words(`data.export.${name}`), this.licences[name], words("data.export.licence_help")).element,
            ),
          ),
        ),
        el(
          "div",
          { class: "tm-actions" },
          button(words("data.export.look"), null),
          button(words("data.export.make"), () => make(this.body()), { class: "tm-button tm-primary" }),
        ),
      ],
      () => look(this.body()),
      { "aria-label": words("data.tab.export") },
    );
    this.layOptions();
  }

  input(name, value) {
    const { words, choices, tools } = this;
    const lists = {
      snapshot: choices.snapshots.map((one) => [String(one.run), snapshotWords(words, one)]),
      split: named(words, choices.splits, "data.split"),
      purpose: named(words, choices.purposes, "data.purpose"),
      policy: choices.policies.map((one) => [one, one]),
      person: choices.people.map((one) => [one.name, one.name]),
      language: choices.languages.map((one) => [one, languageWords(one, tools.language)]),
    };
    if (name in lists) return choice(orAny(words, lists[name]), value);
    if (name === "since" || name === "until") return textInput({ type: "date", value });
    if (NUMBERS.includes(name)) {
      const share = name !== "round";
      return textInput({ type: "number", value, min: "0", max: share ? "1" : null, step: share ? "0.01" : "1" });
    }
    return textInput({ value });
  }

  get chosen() {
    return this.choices.writes.find(({ name }) => name === this.format.value);
  }

  /** The options of the format, and those filters that apply to it. */
  layOptions() {
    const { words, tools } = this;
    const { options, filters } = this.chosen;
    const shown = Object.entries(options).filter(([name]) => name !== "people" || tools.me.role === "admin");
    this.optionInputs = Object.fromEntries(
      shown.map(([name, values]) => [
        name,
        choice(
          values.map((value) => [value, optionWords(tools, value)]),
          values[0],
        ),
      ]),
    );
    this.options.replaceChildren(
      ...shown.map(([name]) => field(words(`data.option.${name}`), this.optionInputs[name]).element),
    );
    for (const name of FILTERS) this.fields[name].element.hidden = filters !== null && !filters.includes(name);
  }

  /** What is sent: nothing that is empty or does not apply. */
  body() {
    const filters = {};
    for (const name of FILTERS) {
      const text = this.inputs[name].value.trim();
      if (!text || this.fields[name].element.hidden) continue;
      filters[name] = name === "tags" ? listed(text) : NUMBERS.includes(name) ? Number(text) : text;
    }
    const options = Object.fromEntries(Object.entries(this.optionInputs).map(([name, input]) => [name, input.value]));
    const licences = Object.fromEntries(LICENCES.map((name) => [name, this.licences[name].value.trim() || null]));
    return { format: this.format.value, options, filters, ...licences };
  }
}

function snapshotWords(words, { run, reward_model, policy }) {
  return words("data.snapshot", { run, made: reward_model ?? policy ?? "–" });
}

function optionWords({ words, has }, value) {
  const key = `data.value.${value.replaceAll(/[^a-z]/g, "_")}`;
  return has(key) ? words(key) : value;
}
