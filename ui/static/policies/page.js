// The page policies: which policy people prefer, judged blind.

import { el } from "../page/elements.js";
import { openFrame } from "../page/frame.js";

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "policies");
  if (frame === null) return;
  const { words, main } = frame;
  main.append(el("h1", { class: "tm-title" }, words("nav.policies")));
}
