// Words for what the server names by a code; where a language lacks it, the server's own English.

import { el } from "../page/elements.js";
import { kindWords } from "../page/run_words.js";
import { figure, phrase } from "./figures.js";

/**
 * The reason of a step or of its being impossible ({code, numbers, reason}) as nodes, in which every number can be asked
 * where it comes from; runs are links.
 */
export function reasonNodes(tools, said) {
  const key = `reason.${said?.code}`;
  if (!said?.code || !tools.has(key)) return [said?.reason ?? ""];
  const behind = tools.said[said.code] ?? {};
  const values = Object.entries(said.numbers).map(([name, value]) => {
    if (name === "kind") return [name, kindWords(tools, value)];
    if (name === "run") return [name, el("a", { href: `/runs#${value}`, "data-run": value }, String(value))];
    if (name in behind) return [name, figure(tools, behind[name], String(value))];
    // Names of policies and rewards, and what a run failed with, are no numbers of this page.
    return [name, el("span", { "data-name": "" }, String(value))];
  });
  return phrase(tools.words, key, Object.fromEntries(values));
}
