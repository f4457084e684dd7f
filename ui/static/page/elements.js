// Elements made without HTML strings: every text goes in as text, so that nothing a model or a person wrote can act.

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
  node.textContent = text;
  node.setAttribute("dir", "auto");
  node.classList.add("tm-text");
  return node;
}

/** Change a text only where it differs: a live region would otherwise speak again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
