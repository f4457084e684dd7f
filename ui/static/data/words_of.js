// Counts and sizes in words.

const KINDS = ["prompt", "completion", "comparison", "judgment"];
const UNITS = ["kB", "MB", "GB"];

/** A number of bytes as people read it. */
export function bytesWords(words, bytes) {
  if (bytes < 1000) return words("data.bytes", { n: bytes });
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(1)} ${UNITS[unit]}`;
}

/** "2 prompts, 4 completions": counts by kind, nothing where there are none. */
export function kindsWords(words, counts) {
  const parts = KINDS.filter((kind) => counts[kind]).map((kind) => words(`data.kind.${kind}`, { n: counts[kind] }));
  return new Intl.ListFormat(document.documentElement.lang || "en").format(parts);
}

/** A reason that the store gives, in the reader's language where it is known. */
export function reasonWords({ words, has }, reason) {
  const key = `data.reason.${reason
    .toLowerCase()
    .replace(/[^a-z]+/g, "_")
    .replace(/^_+|_+$/g, "")}`;
  return has(key) ? words(key) : reason;
}
