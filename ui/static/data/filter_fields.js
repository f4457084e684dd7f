// The fields by which more than one of the tables is narrowed. What there is to choose from, the server says (choices).

import { languageWords } from "../page/moments.js";

/** An option for "any", then the others. */
export function orAny(words, options) {
  return [["", words("data.any")], ...options];
}

/** A choice among values ([value, text] each) or any; `about` says what else the field has. */
export function choiceField(words, key, label, options, about = {}) {
  return { key, label: words(label), options: orAny(words, options), ...about };
}

/** Values with their words, which stand under `prefix`. */
export function named(words, values, prefix) {
  return values.map((value) => [value, words(`${prefix}.${value}`)]);
}

export function splitField(words, { splits }) {
  return choiceField(words, "split", "data.column.split", named(words, splits, "data.split"));
}

export function languageField(words, { languages }, language) {
  const options = languages.map((code) => [code, languageWords(code, language)]);
  return choiceField(words, "language", "data.column.language", options);
}

export function policyField(words, { policies }) {
  const options = policies.map((name) => [name, name]);
  return choiceField(words, "policy", "data.column.policy", options, { help: words("data.policy_help") });
}

/** What stands, or what went with an import that was undone. */
export function standsField(words) {
  const options = [
    ["", words("data.stands")],
    ["true", words("data.taken_back")],
  ];
  return { key: "taken_back", label: words("data.state_of"), options };
}
