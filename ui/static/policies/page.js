// The page policies: the versions, blind evaluations of them, and all that people said of them together.

import { el } from "../page/elements.js";
import { openFrame } from "../page/frame.js";
import { request } from "../page/http.js";
import { Tabs } from "../page/tabs.js";
import { Evaluations } from "./evaluations.js";
import { Together } from "./together.js";
import { Versions } from "./versions.js";

const PARTS = { versions: Versions, evaluations: Evaluations, together: Together };

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "policies");
  if (frame === null) return;
  const { words, main } = frame;
  const tools = { ...frame, root: main.parentElement, ask: (path, body) => request(words, path, body) };
  const parts = Object.entries(PARTS).map(([name, Part]) => ({
    name,
    title: words(`policies.tab.${name}`),
    part: new Part(tools),
  }));
  const tabs = new Tabs(words("nav.policies"), parts, frame.signal);
  main.append(el("h1", { class: "tm-title" }, words("nav.policies")), tabs.element);
  tabs.follow();
}
