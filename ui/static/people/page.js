// The people page: who judges, invitations, the round, flags, pairs that are held back, check questions, agreement.

import { el } from "../page/elements.js";
import { openFrame } from "../page/frame.js";
import { request } from "../page/http.js";
import { Tabs } from "../page/tabs.js";
import { Agreement } from "./agreement.js";
import { Checks } from "./checks.js";
import { Flags } from "./flags.js";
import { HeldBack } from "./held_back.js";
import { Invitations } from "./invitations.js";
import { Listing } from "./listing.js";
import { Round } from "./round.js";

const PARTS = {
  people: Listing,
  invitations: Invitations,
  round: Round,
  flags: Flags,
  held_back: HeldBack,
  checks: Checks,
  agreement: Agreement,
};

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "people");
  if (frame === null) return;
  const { words, main } = frame;
  const tools = { ...frame, root: main.parentElement, ask: (path, body) => request(words, path, body) };
  const parts = Object.entries(PARTS).map(([name, Part]) => ({
    name,
    title: words(`people.tab.${name}`),
    part: new Part(tools),
  }));
  const tabs = new Tabs(words("nav.people"), parts, frame.signal);
  main.append(el("h1", { class: "tm-title" }, words("nav.people")), tabs.element);
  tabs.follow();
}
