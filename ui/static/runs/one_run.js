// One run: how it stands, why it failed and what to try, curves, samples, log, settings, and what can be done with it.

import { askBack } from "../page/dialog.js";
import { el, foreignText, putInto } from "../page/elements.js";
import { button } from "../page/fields.js";
import { Remote } from "../page/remote.js";
import { chart, numbersOf } from "../page/chart.js";
import { LogTail } from "./log_tail.js";
import { rewardsOverKl } from "./over_kl.js";
import { rewardQuality } from "./reward_quality.js";
import { runEnvironment, runFacts, runSettings } from "./run_facts.js";
import { SampleSteps } from "./sample_steps.js";
import { TokenPath } from "./token_path.js";
import { drawable, isActive, progressWords, readingsOf, readingWords, runWords, statusChip } from "./words.js";

export class OneRun {
  constructor(tools) {
    Object.assign(this, tools);
    this.tools = tools;
    this.remote = new Remote(
      this.words,
      () => this.ask(`/api/runs/${this.id}?after_log=${Number.MAX_SAFE_INTEGER}`),
      (run) => this.take(run),
      { quiet: true },
    );
    this.log = new LogTail(tools);
    this.samples = new SampleSteps(tools);
    this.tokens = new TokenPath(tools);
    this.ofPolicy = el("div", { class: "tm-stack" }, this.samples.element, this.tokens.element);
    this.beside = el("div", { class: "tm-stack" }, this.ofPolicy, this.log.element);
    this.element = el("div", { class: "tm-stack" }, this.remote.element, this.beside);
  }

  async open({ id }) {
    Object.assign(this, { id, run: null, drawn: {} });
    this.remote.clear();
    this.beside.hidden = true;
    await this.remote.load();
  }

  /** What is known of the run now; its log and its texts begin with the first answer, however late that came. */
  take(run) {
    const first = this.run === null;
    this.run = run;
    if (first) {
      this.beside.hidden = false;
      this.ofPolicy.hidden = run.kind !== "train-policy";
      this.log.open(run.id);
      if (!this.ofPolicy.hidden) for (const part of [this.samples, this.tokens]) part.open(run.id);
    }
    return this.draw(run);
  }

  /** The latest runs stand otherwise: what this one shows is asked anew while it is at work, and once after its end. */
  async update() {
    const { id } = this;
    if (this.run === null || this.asking || !(isActive(this.run) || this.acted || this.log.behind)) return;
    this.asking = true;
    this.acted = false;
    await this.remote.load();
    this.asking = false;
    if (id !== this.id) return;
    this.log.follow();
    if (!this.ofPolicy.hidden) for (const part of [this.samples, this.tokens]) part.update();
  }

  draw(run) {
    const { tools } = this;
    const name = runWords(tools, run);
    const { step, steps } = run.progress;
    const bar = el("progress", { class: "tm-progress", "aria-label": name });
    if (steps > 0) Object.assign(bar, { max: steps, value: step });
    else if (run.status === "queued") bar.value = 0;
    const { id, kind, status, can, error, failure, alarms, resumed_from: from, retries } = run;
    const about = [
      this.part("head", { id, kind, status, can, from, retries }, () =>
        el(
          "div",
          { class: "tm-box-head" },
          el("h2", { class: "tm-box-title", id: "tm-run-title" }, name, " ", statusChip(tools, status)),
          el("div", { class: "tm-actions" }, this.actions(run)),
        ),
      ),
      isActive(run) ? bar : null,
      isActive(run) ? el("p", { class: "tm-run-state" }, progressWords(tools, run)) : null,
      this.part("failure", { error, failure }, () => this.failure(run)),
      this.part("alarms", alarms, () => this.alarms(run)),
      can.retry && kind !== "train-policy" ? el("p", { class: "tm-help" }, this.words("runs.retry_anew")) : null,
      runFacts(tools, run),
    ];
    const box = this.part("box", id, () =>
      el("section", { class: "tm-box tm-stack", "aria-labelledby": "tm-run-title" }),
    );
    putInto(box, about.filter(Boolean));
    return [
      box,
      this.part("quality", run.reward_quality, () => rewardQuality(tools, run.reward_quality)),
      this.part("curves", [run.curves, isActive(run)], () => this.curves(run)),
      this.part("settings", [run.config, run.command], () => runSettings(tools, run)),
      this.part("environment", run.environment, () => runEnvironment(tools, run)),
    ];
  }

  /** A part as it was drawn before where it is `of` the same: a heartbeat takes neither focus nor a selection away. */
  part(name, of, draw) {
    const text = JSON.stringify([of]);
    if (this.drawn[name]?.text !== text) this.drawn[name] = { text, node: draw() };
    return this.drawn[name].node;
  }

  actions(run) {
    const { words } = this;
    const { can } = run;
    const slim = (key, act, values = {}) =>
      button(words(key, values), act, { class: "tm-button tm-slim", "data-focus": key });
    return [
      can.cancel ? slim("active.cancel", () => this.cancel(run)) : null,
      can.resume_step === null ? null : slim("runs.resume", () => this.again(run, true), { step: can.resume_step }),
      can.retry ? slim("runs.retry", () => this.again(run, false)) : null,
      ["score", "policy-export", "policy-import", "reward-export"].includes(run.kind)
        ? null
        : el(
            "a",
            { class: "tm-button tm-slim", href: `#new/${run.kind}/${run.id}`, "data-focus": "like" },
            words("runs.like"),
          ),
      el(
        "a",
        { class: "tm-button tm-slim", href: `#compare=${run.id}${this.before(run)}`, "data-focus": "compare" },
        words("runs.compare_this"),
      ),
    ];
  }

  /** The run that this one does over or goes on from, to be compared with. */
  before(run) {
    const other = run.resumed_from ?? run.retries;
    return other === null ? "" : `,${other}`;
  }

  async cancel(run) {
    const { words } = this;
    const done = await askBack(words, this.root, {
      title: words("runs.cancel_title", { run: runWords(this.tools, run) }),
      lines: [words(run.status === "running" ? "runs.cancel_running" : "runs.cancel_queued")],
      confirm: words("active.cancel"),
      danger: true,
      act: () => this.ask(`/api/runs/${run.id}/cancel`, {}),
    });
    if (done) this.changed();
  }

  async again(run, fromCheckpoint) {
    const { words } = this;
    let made = null;
    const done = await askBack(words, this.root, {
      title: words(fromCheckpoint ? "runs.resume_title" : "runs.retry_title", { run: runWords(this.tools, run) }),
      lines: [words(fromCheckpoint ? "runs.resume_about" : "runs.retry_about")],
      confirm: words(fromCheckpoint ? "runs.resume" : "runs.retry", { step: run.can.resume_step }),
      act: async () => {
        made = await this.ask(`/api/runs/${run.id}/retry`, { from_checkpoint: fromCheckpoint });
      },
    });
    if (done) location.hash = String(made.id);
  }

  changed() {
    this.acted = true;
    this.refresh();
  }

  failure(run) {
    const { words, has } = this;
    if (!run.error) return null;
    const { failure } = run;
    const known = failure && has(`runs.cause.${failure.cause}`);
    const tries = failure?.tries.map(({ code, words: english }) => {
      const key = `runs.try.${code}`;
      return el("li", {}, has(key) ? words(key) : english);
    });
    return el(
      "div",
      { class: "tm-failure" },
      failure ? el("p", {}, el("strong", {}, known ? words(`runs.cause.${failure.cause}`) : failure.why)) : null,
      foreignText(el("p", { class: "tm-failure-words" }), run.error),
      tries?.length ? el("p", {}, words("runs.tries")) : null,
      tries?.length ? el("ol", { class: "tm-tries" }, tries) : null,
    );
  }

  /** What went past its limit while the policy was trained. */
  alarms(run) {
    const { words } = this;
    if (run.alarms.length === 0) return null;
    const figure = (value) => (value === null ? "?" : Number(value.toPrecision(3)));
    const told = run.alarms.map(({ step, code, value, limit }) =>
      el("li", {}, words(`runs.alarm.${code}`, { step, value: figure(value), limit: figure(limit) })),
    );
    return el(
      "div",
      { class: "tm-failure" },
      el("p", {}, el("strong", {}, words("runs.alarms"))),
      el("ul", { class: "tm-tries" }, told),
      el("p", { class: "tm-help" }, words("runs.alarms_about")),
    );
  }

  curves(run) {
    const { words } = this;
    const readings = readingsOf([run.curves]);
    const inside = readings.map(([name, digits, unit], place) =>
      chart(readingWords(this.tools, name), run.curves[name], { colour: (place % 4) + 1, digits, unit }),
    );
    const series = readings.map(([name]) => ({ name: readingWords(this.tools, name), points: run.curves[name] }));
    return el(
      "section",
      { class: "tm-box tm-stack", "aria-labelledby": "tm-run-curves" },
      el("h2", { class: "tm-box-title", id: "tm-run-curves" }, words("curves.title")),
      inside.length === 0
        ? el("p", { class: "tm-empty" }, words(isActive(run) ? "curves.none_yet" : "runs.no_curves"))
        : el("div", { class: "tm-figures" }, inside, rewardsOverKl(this.tools, run.curves)),
      inside.length === 0
        ? null
        : numbersOf(
            words("runs.numbers", { title: words("curves.title") }),
            words("runs.step"),
            series.filter(({ points }) => drawable(points)),
          ),
    );
  }
}
