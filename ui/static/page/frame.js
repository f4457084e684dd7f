// What every page has: its own styles, the name, the way to the other pages, the language.

import { el } from "./elements.js";
import { request } from "./http.js";
import { loadWords, rememberLanguage } from "./language.js";

const ROLES = ["annotator", "lead", "researcher", "admin"];
const PAGES = [
  ["compare", "/", "annotator"],
  ["me", "/me", "annotator"],
  ["people", "/people", "lead"],
  ["settings", "/settings", "researcher"],
  ["console", "/console", "researcher"],
];
/** The pages of the console stand in a second row, shown on each of them. */
const CONSOLE = [
  ["console", "/console"],
  ["runs", "/runs"],
  ["policies", "/policies"],
  ["data", "/data"],
  ["plan", "/plan"],
];

/**
 * Prepare the element that Gradio gives us, once: returns {main, words, has, me, language, signal, alive} or null where it was done before.
 * `me` is who is logged in: {name, role, key, accounts, study}. `signal` ends the listeners on the document when the page part is mounted anew.
 */
export async function openFrame(element, context, page) {
  // Gradio's page names the folder above as the base of its links: "#new" would lead there, to another page. Of the page
  // itself all other links are the same.
  document.querySelector("base")?.setAttribute("href", location.pathname);
  if (element.dataset.mounted) return null;
  element.dataset.mounted = "yes";
  element.classList.remove("prose", "gradio-style"); // our styles are our own
  const language = await loadWords(context.languages);
  const { words } = language;
  document.title = `${words(`nav.${page}`)} · ${words("app.name")}`;
  const main = el("main", { class: "tm-main", id: "tm-main" });
  const me = await whoAmI(words);
  const inConsole = CONSOLE.some(([name]) => name === page);
  element.replaceChildren(
    el(
      "div",
      { class: `tm tm-${page}-page${inConsole ? " tm-console-page" : ""}` },
      header(context, language, inConsole ? "console" : page, me),
      inConsole ? consoleNavigation(words, page) : null,
      main,
    ),
  );
  const ended = new AbortController();
  return {
    main,
    words,
    has: language.has,
    language: language.name,
    me,
    signal: ended.signal,
    alive: () => element.isConnected || (ended.abort(), false),
  };
}

/** Who is logged in; without an answer the page opens all the same, for nobody: its own requests say what is wrong. */
async function whoAmI(words) {
  try {
    return await request(words, "/api/me");
  } catch {
    return { name: "", role: "annotator", key: "", accounts: false, study: "" };
  }
}

function consoleNavigation(words, page) {
  const links = CONSOLE.map(([name, path]) =>
    el(
      "a",
      { href: path, class: "tm-link", "aria-current": name === page ? "page" : null },
      words(name === "console" ? "nav.home" : `nav.${name}`),
    ),
  );
  return el("nav", { class: "tm-nav tm-nav-inner", "aria-label": words("nav.console") }, links);
}

function header(context, language, page, me) {
  const { words } = language;
  const allowed = PAGES.filter(([, , role]) => ROLES.indexOf(me.role) >= ROLES.indexOf(role));
  const links = allowed.map(([name, path]) =>
    el("a", { href: path, class: "tm-link", "aria-current": name === page ? "page" : null }, words(`nav.${name}`)),
  );
  const choose = (event) => {
    rememberLanguage(event.target.value);
    location.reload();
  };
  const options = Object.entries(context.languages).map(([name, title]) =>
    el("option", { value: name, lang: name, selected: name === language.name }, title),
  );
  return el(
    "header",
    { class: "tm-header" },
    el("span", { class: "tm-brand" }, el("span", { class: "tm-mark", "aria-hidden": "true" }), words("app.name")),
    el("nav", { class: "tm-nav", "aria-label": words("app.name") }, links),
    el("select", { class: "tm-select tm-language", "aria-label": words("nav.language"), onchange: choose }, options),
  );
}
