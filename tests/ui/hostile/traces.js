// Run in a page by the tests: what hostile texts left behind in it, in words; nothing where they stayed texts.
() => {
  const ADDRESSES =
    "src srcset href xlink:href action formaction data poster background style srcdoc ping".split(" ");
  const FOREIGN =
    "base portal frameset frame iframe object embed math marquee plaintext xmp listing noembed template audio video map";
  const IN_TEXTS =
    "p br hr h3 h4 h5 h6 strong em s code pre blockquote ul ol li table thead tbody tr th td mark span div".split(" ");
  const ATTRIBUTES = { div: ["class", "dir"], span: ["class", "dir"], mark: ["class"], ol: ["start"] };
  const found = [];
  if (window.hacked !== undefined) found.push("a script ran");
  if ({}.polluted !== undefined) found.push("the prototype of all objects was changed");

  for (const node of document.querySelectorAll("*")) {
    for (const { name, value } of node.attributes) {
      const acts = ADDRESSES.includes(name) && /evil|hacked|hostile|javascript:/i.test(value);
      if (/^on/.test(name) || acts) found.push(`<${node.localName} ${name}="${value.slice(0, 80)}">`);
    }
    if (node.shadowRoot) found.push(`<${node.localName}> has a shadow`);
  }
  for (const node of document.querySelectorAll(FOREIGN.replaceAll(" ", ",")))
    if (node.closest(".tm")) found.push(`<${node.localName}>`); // Gradio's own page has a <base>

  for (const text of document.querySelectorAll(".tm-text")) {
    for (const node of text.querySelectorAll("*")) {
      if (!(node instanceof HTMLElement) || !IN_TEXTS.includes(node.localName))
        found.push(`<${node.localName}> in a text`);
      for (const { name } of node.attributes)
        if (!(ATTRIBUTES[node.localName] ?? []).includes(name)) found.push(`<${node.localName} ${name}> in a text`);
      const ours = node.className === "tm-piece" || node.classList.contains("tm-text");
      if (["div", "span"].includes(node.localName) && !ours) found.push("a box in a text");
    }
    const { contain, display } = getComputedStyle(text);
    if (text.offsetWidth && display !== "inline" && !contain.includes("paint"))
      found.push(`a text may be painted outside its box (${text.className})`);
  }

  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} wide in a window of ${clientWidth}`);
  if (document.querySelector("dialog[open]")) return found;
  for (const button of document.querySelectorAll(".tm button, .tm a.tm-link")) {
    const box = button.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const top = box.width ? document.elementFromPoint(x, y) : null;
    if (top && !button.contains(top) && top.closest(".tm-text")) found.push(`a text lies over "${button.innerText}"`);
  }
  return found;
}
