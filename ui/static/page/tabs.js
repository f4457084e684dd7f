// Tabs whose choice stands in the address, so that a link leads to one of them.

import { el } from "./elements.js";

/** Which tab an address asks for; the first where it names none. Behind the name, after a slash or a ?, may stand more. */
export function wanted(hash, names) {
  const name = hash.replace(/^#/, "").split(/[/?]/)[0];
  return names.includes(name) ? name : names[0];
}

/** What stands behind the tab's name in an address, or null where there is nothing, or nothing that can be read. */
export function within(hash) {
  const [, rest] = hash.replace(/^#/, "").split("?")[0].split("/");
  try {
    return rest ? decodeURIComponent(rest) : null;
  } catch {
    return null; // a link that was cut off in the middle of a %-escape
  }
}

/**
 * Parts as tabs: each is {name, title, part}, and `part` has `element` and `open(within)`, which is called whenever it
 * is shown. Arrow keys, Home and End move between them.
 */
export class Tabs {
  constructor(label, parts, signal) {
    this.parts = parts;
    this.names = parts.map(({ name }) => name);
    this.buttons = parts.map(({ name, title }) => this.button(name, title));
    this.panels = parts.map(({ name, part }) =>
      el(
        "div",
        { role: "tabpanel", id: `tm-panel-${name}`, "aria-labelledby": `tm-tab-${name}`, class: "tm-panel" },
        part.element,
      ),
    );
    const list = el("div", { role: "tablist", "aria-label": label, class: "tm-tabs" }, this.buttons);
    list.addEventListener("keydown", (event) => this.move(event));
    this.element = el("div", { class: "tm-tabbed" }, list, this.panels);
    window.addEventListener("hashchange", () => this.follow(), { signal });
  }

  button(name, title) {
    return el(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tm-tab-${name}`,
        "aria-controls": `tm-panel-${name}`,
        class: "tm-tab",
        onclick: () => this.go(name),
      },
      title,
    );
  }

  go(name) {
    if (location.hash === `#${name}`) this.follow();
    else location.hash = name;
  }

  /** Show what the address asks for. */
  follow() {
    const name = wanted(location.hash, this.names);
    this.names.forEach((each, place) => {
      const chosen = each === name;
      this.buttons[place].setAttribute("aria-selected", String(chosen));
      this.buttons[place].tabIndex = chosen ? 0 : -1;
      this.panels[place].hidden = !chosen;
      if (chosen) this.parts[place].part.open?.(within(location.hash));
    });
  }

  move(event) {
    const here = this.buttons.indexOf(document.activeElement);
    const last = this.buttons.length - 1;
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: last }[event.key];
    if (here < 0 || to === undefined) return;
    event.preventDefault();
    const next = (to + last + 1) % (last + 1);
    this.go(this.names[next]);
    this.buttons[next].focus();
  }
}
