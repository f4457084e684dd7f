// Settings: what people are asked and its versions, criteria, guidelines, information text, access, audit log.

import { el } from "../page/elements.js";
import { openFrame } from "../page/frame.js";
import { request } from "../page/http.js";
import { Tabs } from "../page/tabs.js";
import { accessPart } from "./access.js";
import { AskedForm } from "./asked_form.js";
import { auditPart } from "./audit.js";
import { Criteria } from "./criteria.js";
import { Texts } from "./texts.js";
import { versionsPart } from "./versions.js";

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "settings");
  if (frame === null) return;
  const { words, main, me, signal } = frame;
  const page = {
    ...frame,
    languages: context.languages,
    root: main.parentElement,
    send: (path, body) => request(words, path, body),
  };
  const parts = {
    asked: new AskedForm(page),
    criteria: new Criteria(page),
    guidelines: new Texts(page, "guidelines"),
    information: new Texts(page, "information"),
    versions: versionsPart(page),
    ...(me.role === "admin" ? { access: accessPart(page), audit: auditPart(page) } : {}),
  };
  const tabs = new Tabs(
    words("nav.settings"),
    Object.entries(parts).map(([name, part]) => ({ name, title: words(`settings.${name}`), part })),
    signal,
  );
  main.append(el("h1", { class: "tm-title" }, words("nav.settings")), tabs.element);
  tabs.follow();
}
