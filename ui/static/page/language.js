// Words of the page: one JSON file a language.

const STORED = "tastemaker:language";

/** The language to use: what was chosen here before, else the browser's, else English. */
export function chosenLanguage(known, stored = localStorage.getItem(STORED), wished = navigator.languages ?? []) {
  if (known.includes(stored)) return stored;
  for (const tag of wished) {
    const name = tag.toLowerCase().split("-")[0];
    if (known.includes(name)) return name;
  }
  return known.includes("en") ? "en" : known[0];
}

/** Remember a language for this browser. */
export function rememberLanguage(name) {
  localStorage.setItem(STORED, name);
}

/** A function from key and values to words. An unknown key shows itself, so that it is seen and mended. */
export function translator(texts) {
  return (key, values = {}) =>
    (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Load the chosen language and mark the page with it. */
export async function loadWords(languages) {
  const name = chosenLanguage(Object.keys(languages));
  const response = await fetch(`/static/tastemaker/languages/${name}.json`);
  const texts = await response.json();
  document.documentElement.lang = name;
  return { name, words: translator(texts), has: (key) => key in texts };
}
