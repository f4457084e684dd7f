// One field of a form, made from what the server says about a setting.

import { el } from "./elements.js";
import { choice, field, inOrder, listed, textInput } from "./fields.js";
import { helpOf, labelOf, rangeWords, valueWords } from "./setting_words.js";

/**
 * A field with `element`, `read()`, `fail(text)`; `about` is {name, kind, least, most, options, optional, default}.
 * `page.names` is what the keys of its words begin with, where that is not "setting".
 */
export function settingField(page, about, value) {
  const input = INPUTS[about.kind](page, about, value);
  const help = [helpOf(page, about), rangeWords(page, about)].filter(Boolean);
  const made = field(labelOf(page, about.name), input, help.join(" "));
  return { ...made, about, read: () => READ[about.kind](input, about) };
}

/**
 * What is wrong with a field, beside it. `fault` is {words, key, values}: what contradicts another setting has a key; of
 * the rest it is said what is allowed where there is a range, else what the server says.
 */
export function faultWords(page, about, { words, key, values }) {
  if (key && page.has(key)) return page.words(key, namedValues(page, values ?? {}));
  const range = rangeWords(page, about);
  if (!range) return words;
  return page.words(about.kind === "whole" ? "settings.whole_needed" : "settings.not_allowed", { range });
}

/** Names of settings and of their values among the values of a fault, as the form says them. */
function namedValues(page, values) {
  const label = (name) => labelOf(page, name);
  const value = (one) => valueWords(page, one);
  const needed = (code) => (page.has(`fault.needed.${code}`) ? page.words(`fault.needed.${code}`) : value(code));
  const said = { name: label, other: label, algorithm: value, value, present: value, needed };
  return Object.fromEntries(Object.entries(values).map(([key, one]) => [key, said[key]?.(one) ?? one]));
}

const number =
  (step) =>
  (page, { least, most }, value) =>
    textInput({ type: "number", inputmode: step === "1" ? "numeric" : "decimal", step, min: least, max: most, value });

const list = (page, about, value) => textInput({ value: value.join(", "), dir: "auto", spellcheck: "false" });

// Parts of a list have settings of their own: they are written as JSON, and the server says what is wrong with them.
const json = (page, about, value) =>
  el(
    "textarea",
    { rows: 6, spellcheck: "false", dir: "ltr", maxlength: 20000, class: "tm-editor tm-json" },
    partsText(value),
  );

const INPUTS = {
  whole: number("1"),
  number: number("any"),
  text: (page, { most }, value) => textInput({ maxlength: most, value, dir: "auto" }),
  names: list,
  numbers: list,
  parts: json,
  switch: (page, about, value) => el("input", { type: "checkbox", checked: value }),
  choice: (page, { options, optional }, value) =>
    choice(
      [...(optional ? [""] : []), ...options].map((option) => [
        option,
        valueWords(page, option === "" ? null : option),
      ]),
      value ?? "",
    ),
};

/** A list of parts, one a line. */
function partsText(parts) {
  return `[\n${parts.map((part) => `  ${JSON.stringify(part)}`).join(",\n")}\n]`;
}

/** The list, or the text as it stands where it is none: the server says what is wrong with it. */
function readParts(input) {
  try {
    const found = JSON.parse(input.value);
    if (Array.isArray(found)) return found;
  } catch {
    // no JSON
  }
  return input.value.trim();
}

const read = (input) => (input.value.trim() === "" ? null : Number(input.value));
const READ = {
  whole: read,
  number: read,
  text: (input, { optional }) => (optional && input.value === "" ? null : input.value),
  names: (input) => listed(input.value),
  numbers: (input) => inOrder(input.value).map((each) => (Number.isNaN(Number(each)) ? each : Number(each))),
  parts: readParts,
  switch: (input) => input.checked,
  choice: (input, { optional }) => (optional && input.value === "" ? null : input.value),
};
