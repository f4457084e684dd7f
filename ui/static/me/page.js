// The page of one's own: who I am, what I did, what I am asked, where I am logged in, what I agreed to.

import { el } from "../page/elements.js";
import { openFrame } from "../page/frame.js";
import { request } from "../page/http.js";
import { Remote } from "../page/remote.js";
import { asked } from "./asked.js";
import { password } from "./password.js";
import { Sessions } from "./sessions.js";
import { takingPart } from "./taking_part.js";
import { who } from "./who.js";
import { work } from "./work.js";

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "me");
  if (frame === null) return;
  const { words, me, main } = frame;
  // Who the page belongs to goes along: somebody else may be logged in on this computer by now.
  const send = (path, body = {}) => request(words, path, { ...body, person: me.key });
  const sessions = new Sessions({ ...frame, send });
  const page = { ...frame, send, root: main.parentElement, changed: () => sessions.load(), again: () => all.load() };
  const parts = [who, work, asked, takingPart, ...(me.accounts ? [() => sessions.open(), password] : [])];
  const draw = (mine) =>
    el(
      "div",
      { class: "tm-mine" },
      parts.map((part) => part(page, mine)),
    );
  const all = new Remote(words, () => request(words, "/api/me/page"), draw);
  main.append(el("h1", { class: "tm-title" }, words("nav.me")), all.element);
  await all.load();
}
