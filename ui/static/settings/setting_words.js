// Words for settings: their names, what they mean, their values and ranges.

/** The name of a setting; one that no form shows goes by its dotted name. */
export function labelOf({ words, has }, name) {
  return has(`setting.${name}.label`) ? words(`setting.${name}.label`) : name;
}

/** A value in words. */
export function valueWords({ words, has }, value) {
  if (value === null || value === undefined) return words("settings.value.none");
  if (value === "") return words("settings.value.empty");
  if (typeof value === "boolean") return words(value ? "settings.value.on" : "settings.value.off");
  if (typeof value === "object") return JSON.stringify(value);
  return has(`setting.option.${value}`) ? words(`setting.option.${value}`) : String(value);
}

/** What is allowed in a field, or nothing where everything is. */
export function rangeWords({ words }, { kind, least, most }) {
  const ends = { least, most };
  if (kind === "text") return most === null ? "" : words("settings.range.length", ends);
  if (least !== null && most !== null) return words("settings.range.between", ends);
  return least === null ? "" : words("settings.range.least", ends);
}

/** What differs between two sets of values: [name, before, after]. */
export function changesBetween(before, after) {
  return Object.keys(after)
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map((name) => [name, before[name], after[name]]);
}
