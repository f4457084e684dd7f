// Moments and names of languages in the reader's own way.

/** A moment of the server (ISO, UTC) as date and time here. */
export function momentWords(moment, language) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(moment));
}

/** A UTC day such as 2026-11-23, as a date. */
export function dayWords(day, language) {
  const moment = new Date(`${day}T00:00:00Z`);
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" }).format(moment);
}

/** A language by its code, named in the reader's language; a code that is none stays as it is. */
export function languageWords(code, language) {
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
