// Figures of people as they are shown: a share never without its count.

/** "12 of 15 (80 %)", or a dash where nothing was counted. */
export function share(words, [part, whole]) {
  if (!whole) return "–";
  return words("people.share", { part, whole, percent: Math.round((100 * part) / whole) });
}

/** "0.62 (0.48 to 0.74)"; a dash where the value is not defined. */
export function measured(words, { value, low, high }) {
  if (value === null) return "–";
  if (low === null) return value.toFixed(2);
  return words("people.interval", { value: value.toFixed(2), low: low.toFixed(2), high: high.toFixed(2) });
}

/** The query of an address from what is chosen; what is empty is left out. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== false);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}
