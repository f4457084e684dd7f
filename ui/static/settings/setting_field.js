// One field of the form, made from what the server says about a setting.

import { el } from "../page/elements.js";
import { choice, field, textInput } from "../page/fields.js";
import { labelOf, rangeWords, valueWords } from "./setting_words.js";

/** A field with `element`, `read()`, `fail(text)`; `about` is {name, kind, least, most, options, optional, default}. */
export function settingField(page, about, value) {
  const input = INPUTS[about.kind](page, about, value);
  const key = `setting.${about.name}.help`;
  const help = [page.has(key) ? page.words(key) : about.about, rangeWords(page, about)].filter(Boolean);
  const made = field(labelOf(page, about.name), input, help.join(" "));
  return { ...made, about, read: () => READ[about.kind](input, about) };
}

/** What is wrong with a field, beside it: what is allowed, else the server's words. */
export function faultWords(page, about, fault) {
  const range = rangeWords(page, about);
  return range ? page.words("settings.not_allowed", { range }) : fault;
}

const number =
  (step) =>
  (page, { least, most }, value) =>
    textInput({ type: "number", inputmode: step === "1" ? "numeric" : "decimal", step, min: least, max: most, value });

const INPUTS = {
  whole: number("1"),
  number: number("any"),
  text: (page, { most }, value) => textInput({ maxlength: most, value, dir: "auto" }),
  switch: (page, about, value) => el("input", { type: "checkbox", checked: value }),
  choice: (page, { options }, value) =>
    choice(
      options.map((option) => [option, valueWords(page, option)]),
      value,
    ),
};

const read = (input) => (input.value.trim() === "" ? null : Number(input.value));
const READ = {
  whole: read,
  number: read,
  text: (input, { optional }) => (optional && input.value === "" ? null : input.value),
  switch: (input) => input.checked,
  choice: (input) => input.value,
};
