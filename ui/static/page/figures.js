// Figures as people read them.

/** A number with a fixed number of digits, or a dash where there is none. What is rounded to nothing has no sign. */
export function number(value, digits = 2) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/** The same with its sign, for a change. */
export function signed(value) {
  const text = number(value);
  return Number(text) > 0 ? `+${text}` : text;
}

/** A share as a percentage. */
export function percent(value, digits = 0) {
  return typeof value === "number" && Number.isFinite(value) ? `${number(100 * value, digits)} %` : "–";
}

/** Seconds in words: "40 s", "3 min", "1 h 20 min". */
export function duration(words, seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 90) return words("time.seconds", { n: Math.max(0, Math.round(seconds)) });
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return words("time.minutes", { n: minutes });
  return words("time.hours", { n: Math.floor(minutes / 60), m: minutes % 60 });
}

/** A moment (ISO text) in the reader's own zone and language. */
export function moment(text) {
  if (!text) return "–";
  return new Intl.DateTimeFormat(document.documentElement.lang || "en", {
    dateStyle: "medium",
    timeStyle: "short",
  }).format(new Date(text));
}

/** The time of day of a moment, in the reader's own zone. */
export function clockTime(text) {
  return new Intl.DateTimeFormat(document.documentElement.lang || "en", { timeStyle: "medium" }).format(new Date(text));
}

/** Round axis marks that cover low to high, about `wanted` of them. */
export function marks(low, high, wanted = 4) {
  const span = high - low || Math.abs(high) || 1;
  const raw = span / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  const found = [];
  // Each from the step anew: where steps are added up, 0 becomes -2.78e-17.
  for (let place = Math.floor(low / step); found.length < 12; place++) {
    const mark = Number((place * step).toPrecision(12));
    found.push(mark);
    if (mark >= high && found.length > 1) break;
  }
  return found;
}
