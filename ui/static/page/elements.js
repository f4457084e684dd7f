// Elements made without HTML strings: every text goes in as text, so that nothing a model or a person wrote can act.

import { inPieces } from "./long_text.js";

/**
 * An element with attributes, listeners and children.
 * `on*` keys with functions are listeners; `false`, `null` and `undefined` leave an attribute out; `true` sets it empty.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(node, name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The same for drawings. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) set(node, name, value);
  node.append(...children.flat().filter(Boolean));
  return node;
}

function set(node, name, value) {
  if (value === false || value === null || value === undefined) return;
  if (typeof value === "function") node.addEventListener(name.slice(2), value);
  else node.setAttribute(name, value === true ? "" : String(value));
}

/** Put a text that somebody else wrote into a node: as text, in its own direction, with its line breaks. */
export function foreignText(node, text) {
  const pieces = inPieces(text);
  if (pieces.length < 2) node.textContent = text;
  else node.replaceChildren(...pieces.map((piece) => el("span", { class: "tm-piece" }, piece)));
  node.setAttribute("dir", "auto");
  node.classList.add("tm-text");
  node.classList.remove("tm-rendered");
  return node;
}

// What the server's sanitiser lets through (ui/web/markdown.py), looked at once more here: tag -> attributes.
const RENDERED = Object.assign(
  Object.create(null),
  Object.fromEntries("p br hr h3 h4 h5 h6 strong em s code pre blockquote ul li".split(" ").map((tag) => [tag, []])),
  Object.fromEntries("table thead tbody tr th td".split(" ").map((tag) => [tag, []])),
  { ol: ["start"] },
);
const DEEPEST = 60;

/**
 * Put Markdown that the server rendered into a node. The HTML is parsed in a document of its own, where nothing runs and
 * nothing is fetched; what is shown is built anew from the tags above, and everything else appears as its text.
 */
export function renderedText(node, html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  node.replaceChildren(...harmless(parsed.body, 0));
  node.setAttribute("dir", "auto");
  node.classList.add("tm-text", "tm-rendered");
  return node;
}

function harmless(parent, depth) {
  if (depth > DEEPEST) return [parent.textContent];
  return [...parent.childNodes].flatMap((child) => {
    if (child.nodeType === Node.TEXT_NODE) return [child.data];
    if (child.nodeType !== Node.ELEMENT_NODE) return [];
    const ours = child instanceof HTMLElement && RENDERED[child.localName];
    if (!ours) return [child.textContent];
    const kept = ours.filter((name) => /^\d{1,9}$/.test(child.getAttribute(name) ?? ""));
    const attributes = Object.fromEntries(kept.map((name) => [name, child.getAttribute(name)]));
    return [el(child.localName, attributes, harmless(child, depth + 1))];
  });
}

/**
 * Make these nodes the children of an element. One that is there already is not touched: focus, a selection, an unfolded
 * table within it stay.
 */
export function putInto(element, nodes) {
  for (const child of [...element.childNodes]) if (!nodes.includes(child)) child.remove();
  nodes.forEach((node, place) => {
    if (element.childNodes[place] !== node) element.insertBefore(node, element.childNodes[place] ?? null);
  });
}

/** Change a text only where it differs: a live region would otherwise speak again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
