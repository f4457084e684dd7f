// The page runs: what the machine does for the study: start, watch, stop, try again, compare.

import { el } from "../page/elements.js";
import { openFrame } from "../page/frame.js";
import { request } from "../page/http.js";
import { sayFailure } from "../page/refusals.js";
import { asked } from "./address.js";
import { Compare } from "./compare.js";
import { Notice } from "./notice.js";
import { OneRun } from "./one_run.js";
import { RunTable } from "./run_table.js";
import { StartForm } from "./start_form.js";
import { isActive, runLink } from "./words.js";

const BUSY_MILLISECONDS = 2000;
const IDLE_MILLISECONDS = 8000;
const WATCHED = 30;

/** Called by the page that Gradio built; `context` is {study, languages}. Calling it again does nothing. */
export async function mount(element, context) {
  const frame = await openFrame(element, context, "runs");
  if (frame) new RunsPage(frame).start();
}

class RunsPage {
  constructor(frame) {
    this.frame = frame;
    const { words, main } = frame;
    const ask = (path, body) => request(words, path, body);
    this.tools = { ...frame, names: "runs.set", root: main.parentElement, ask, refresh: () => this.watch() };
    this.views = {
      list: new RunTable(this.tools),
      new: new StartForm(this.tools),
      run: new OneRun(this.tools),
      compare: new Compare(this.tools),
    };
    this.failed = el("p", { class: "tm-notice", role: "alert", hidden: true });
    this.ended = el("p", { class: "tm-said", role: "status" });
    this.notice = new Notice(this.tools, (runs) => this.tell(runs));
    this.links = { list: this.link("#", "runs.all"), new: this.link("#new", "runs.start") };
    main.append(
      el(
        "div",
        { class: "tm-runs-head" },
        el("h1", { class: "tm-title" }, words("nav.runs")),
        el("nav", { class: "tm-actions", "aria-label": words("nav.runs") }, Object.values(this.links)),
      ),
      this.failed,
      this.ended,
      ...Object.values(this.views).map((view) => view.element),
    );
  }

  link(href, key) {
    return el("a", { href, class: "tm-button tm-slim" }, this.frame.words(key));
  }

  start() {
    const { signal } = this.frame;
    window.addEventListener("hashchange", () => this.follow(), { signal });
    document.addEventListener("visibilitychange", () => !document.hidden && this.watch(), { signal });
    this.follow();
    this.watch();
  }

  /** Show what the address asks for. */
  follow() {
    const wanted = asked(location.hash);
    for (const [name, view] of Object.entries(this.views)) {
      view.element.hidden = name !== wanted.view;
      if (name !== wanted.view) view.close?.();
    }
    for (const [name, link] of Object.entries(this.links))
      if (name === wanted.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    this.shown = this.views[wanted.view];
    this.shown.open(wanted);
  }

  /** Ask how the latest runs stand, also while nobody looks; then again, sooner while something runs. */
  async watch() {
    clearTimeout(this.timer);
    if (!this.frame.alive()) return;
    let busy = false;
    try {
      const { runs } = await this.tools.ask(`/api/runs?size=${WATCHED}`);
      busy = runs.some(isActive);
      this.notice.update(runs);
      this.failed.hidden = true;
      this.failed.textContent = "";
      this.shown.update?.(runs);
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      sayFailure(this.failed, this.frame.words, failure);
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.watch(), busy ? BUSY_MILLISECONDS : IDLE_MILLISECONDS);
  }

  tell(runs) {
    const { words } = this.frame;
    const said = runs.map((run) => [runLink(this.tools, run), " ", words(`status_of.${run.status}`), "  "]);
    this.ended.replaceChildren(...said.flat());
  }
}
