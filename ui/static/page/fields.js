// Fields of forms: each with its label, what it means, and its error beside it in words.

import { el, setText } from "./elements.js";

let number = 0;

/** A labelled field around an input, select or textarea; `fail(text)` shows an error beside it, `fail("")` none. */
export function field(label, input, help = "") {
  const id = input.id || `tm-field-${++number}`;
  input.id = id;
  const error = el("p", { class: "tm-field-error", id: `${id}-error`, role: "alert" });
  const about = help ? el("p", { class: "tm-help", id: `${id}-help` }, help) : null;
  input.setAttribute("aria-describedby", [about?.id, error.id].filter(Boolean).join(" "));
  const check = input.type === "checkbox";
  const name = el("label", { for: id, class: check ? "tm-check-label" : "tm-field-label" }, label);
  const element = el(
    "div",
    { class: check ? "tm-field tm-field-check" : "tm-field" },
    check ? [input, name] : [name, input],
    about,
    error,
  );
  return {
    element,
    input,
    fail(text) {
      setText(error, text);
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    },
  };
}

/** A text field; `attributes` may make it a number, a password, and so on. */
export function textInput(attributes = {}) {
  return el("input", { type: "text", class: "tm-input", autocomplete: "off", ...attributes });
}

/** A list to choose one of; options are [value, title]. */
export function choice(options, chosen, attributes = {}) {
  return el(
    "select",
    { class: "tm-select tm-choice", ...attributes },
    options.map(([value, title]) => el("option", { value, selected: value === chosen }, title)),
  );
}

/** Boxes to tick any of; `chosen()` gives the values that are ticked. */
export function manyOf(label, options, ticked) {
  const boxes = options.map(([value, title]) => {
    const box = el("input", { type: "checkbox", value, checked: ticked.includes(value) });
    return { box, element: el("label", { class: "tm-tick" }, box, title) };
  });
  const element = el(
    "fieldset",
    { class: "tm-many" },
    el("legend", { class: "tm-field-label" }, label),
    boxes.map((each) => each.element),
  );
  return { element, chosen: () => boxes.filter(({ box }) => box.checked).map(({ box }) => box.value) };
}

/** What was typed with commas between, one after the other. */
export function inOrder(text) {
  const found = text.split(/[,，、;\n]/).map((one) => one.trim());
  return found.filter(Boolean);
}

/** Words that were typed with commas between them, each once. */
export function listed(text) {
  return [...new Set(inOrder(text))];
}

/** A form: `send()` is called when it is submitted, not again while it works; buttons say so meanwhile. */
export function form(children, send, attributes = {}) {
  const element = el("form", { class: "tm-form", novalidate: true, ...attributes }, children);
  let busy = false;
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    element.setAttribute("aria-busy", "true");
    try {
      await send();
    } finally {
      busy = false;
      element.removeAttribute("aria-busy");
    }
  });
  return element;
}

/** A button; `attributes.class` replaces the plain look. */
export function button(text, onclick, attributes = {}) {
  return el("button", { type: onclick ? "button" : "submit", class: "tm-button", onclick, ...attributes }, text);
}
