// The settings page.

import { openFrame } from "../page/frame.js";

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  await openFrame(element, context, "settings");
}
