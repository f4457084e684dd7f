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

export { query } from "../page/address.js";
