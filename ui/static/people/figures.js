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

/** "0.85 (0.74 to 0.93)"; in words where too little is known; a dash where nothing is. */
export function reliance(words, known) {
  if (!known) return "–";
  if (known.wide) return words("people.too_few");
  return measured(words, known);
}

/** What reliability means and which reward learned it, or that none has yet. */
export function reliabilityNote(words, { reliability_by }) {
  if (!reliability_by) return words("people.reliability_none");
  return words("people.reliability_by", { model: reliability_by });
}

export { query } from "../page/address.js";
