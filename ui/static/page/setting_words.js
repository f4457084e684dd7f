// Words for settings: their names, what they mean, their values and ranges.

/**
 * The key of words about a dotted name: its own, or, as the algorithms' settings of one name mean the same, that of
 * `training` in the first place.
 */
export function sharedKey(has, lead, name, tail = "") {
  const own = `${lead}.${name}${tail}`;
  return has(own) ? own : `${lead}.training.${name.slice(name.indexOf(".") + 1)}${tail}`;
}

/** The name of a setting; one that no form shows goes by its dotted name. */
export function labelOf({ words, has, names = "setting" }, name) {
  const key = sharedKey(has, names, name, ".label");
  return has(key) ? words(key) : name;
}

/** What a setting means. */
export function helpOf({ words, has, names = "setting" }, { name, about }) {
  const key = sharedKey(has, names, name, ".help");
  return has(key) ? words(key) : about;
}

/** A value in words. */
export function valueWords({ words, has, names = "setting" }, value) {
  if (value === null || value === undefined) return words("settings.value.none");
  if (value === "") return words("settings.value.empty");
  if (typeof value === "boolean") return words(value ? "settings.value.on" : "settings.value.off");
  if (Array.isArray(value)) {
    const inside = value.map((one) => (one !== null && typeof one === "object" ? JSON.stringify(one) : one));
    return value.length ? inside.join(", ") : words("settings.value.none");
  }
  if (typeof value === "object") return JSON.stringify(value);
  const key = `${names}.option.${value}`;
  return has(key) ? words(key) : String(value);
}

/** What is allowed in a field, or nothing where everything is. */
export function rangeWords({ words }, { kind, least, most, open = false, below = false }) {
  const ends = { least, most };
  if (["choice", "names", "numbers", "parts"].includes(kind)) return "";
  if (open && most === null) return words("settings.range.above", ends);
  if (kind === "text") return most === null ? "" : words("settings.range.length", ends);
  if (least !== null && most !== null) {
    const known = open ? ["open", "inside"] : ["between", "below"];
    return words(`settings.range.${known[Number(below)]}`, ends);
  }
  return least === null ? "" : words("settings.range.least", ends);
}

/** What differs between two sets of values: [name, before, after]. */
export function changesBetween(before, after) {
  return Object.keys(after)
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map((name) => [name, before[name], after[name]]);
}
