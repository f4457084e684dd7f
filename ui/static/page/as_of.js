// When figures are of that are computed beside the server, and whether newer ones are on their way.

import { el } from "./elements.js";
import { momentWords } from "./moments.js";

const LOOK_AGAIN_MILLISECONDS = 2500;

/** `again()` is called once, a little later, while newer figures are being computed and the note is still shown. */
export function asOf(words, { as_of, computing, failed }, language, again) {
  const note = el("p", { class: "tm-as-of", role: "status" });
  const parts = [as_of ? words("people.as_of", { at: momentWords(as_of, language) }) : words("people.no_figures")];
  if (computing) parts.push(words("people.computing"));
  if (failed && !computing) parts.push(words("people.failed"));
  note.textContent = parts.join(" ");
  if (computing)
    setTimeout(() => note.isConnected && note.checkVisibility?.() !== false && again(), LOOK_AGAIN_MILLISECONDS);
  return note;
}
