// The page data: files come in, prompts, completions and judgments as tables, exports go out.

import { el } from "../page/elements.js";
import { openFrame } from "../page/frame.js";
import { request } from "../page/http.js";
import { Tabs } from "../page/tabs.js";
import { completionTable } from "./completions.js";
import { ExportPart } from "./exporting.js";
import { ImportPart } from "./importing.js";
import { judgmentTable } from "./judgments.js";
import { promptTable } from "./prompts.js";
import { Rows } from "./rows.js";

const PATIENCE_MILLISECONDS = 120_000;

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "data");
  if (frame === null) return;
  const { words, main } = frame;
  const tools = {
    ...frame,
    root: main.parentElement,
    ask: (path, body) => request(words, path, body, PATIENCE_MILLISECONDS),
    choices: () =>
      (tools.known ??= tools.ask("/api/data").catch((failure) => ((tools.known = null), Promise.reject(failure)))),
    /** What there is to choose from has changed. */
    changed: () => (tools.known = null),
  };
  const parts = {
    import: new ImportPart(tools),
    prompts: new Rows(tools, promptTable(tools)),
    completions: new Rows(tools, completionTable(tools)),
    judgments: new Rows(tools, judgmentTable(tools)),
    export: new ExportPart(tools),
  };
  const tabs = new Tabs(
    words("nav.data"),
    Object.entries(parts).map(([name, part]) => ({ name, title: words(`data.tab.${name}`), part })),
    frame.signal,
  );
  main.append(el("h1", { class: "tm-title" }, words("nav.data")), tabs.element);
  tabs.follow();
}
