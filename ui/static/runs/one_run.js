// One run: how it stands, why it failed and what to try, curves, samples, log, settings, and what can be done with it.

import { askBack } from "../page/dialog.js";
import { el, foreignText } from "../page/elements.js";
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
    const ask = async () => {
      const answer = await this.ask(`/api/runs/${this.id}?after_log=${Number.MAX_SAFE_INTEGER}`);
      this.run = answer;
      return answer;
    };
    const part = (draw) => new Remote(this.words, ask, draw, { quiet: true });
    this.remote = part((run) => this.draw(run));
    this.log = new LogTail(tools);
    this.samples = new SampleSteps(tools);
    this.tokens = new TokenPath(tools);
    this.ofPolicy = el("div", { class: "tm-stack" }, this.samples.element, this.tokens.element);
    this.beside = el("div", { class: "tm-stack" }, this.ofPolicy, this.log.element);
    this.element = el("div", { class: "tm-stack" }, this.remote.element, this.beside);
  }

  async open({ id }) {
    Object.assign(this, { id, run: null });
    this.remote.clear();
    this.beside.hidden = true;
    await this.remote.load();
    if (this.run?.id !== id) return;
    this.beside.hidden = false;
    this.ofPolicy.hidden = this.run.kind !== "train-policy";
    this.log.open(id);
    if (!this.ofPolicy.hidden) for (const part of [this.samples, this.tokens]) part.open(id);
  }

  /** The latest runs stand otherwise: what this one shows is asked anew while it is at work, and once after its end. */
  async update() {
    const { id } = this;
    if (this.run === null || this.asking || !(isActive(this.run) || this.acted)) return;
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
    return [
      el(
        "section",
        { class: "tm-box tm-stack", "aria-labelledby": "tm-run-title" },
        el(
          "div",
          { class: "tm-box-head" },
          el("h2", { class: "tm-box-title", id: "tm-run-title" }, name, " ", statusChip(tools, run.status)),
          el("div", { class: "tm-actions" }, this.actions(run)),
        ),
        isActive(run) ? bar : null,
        isActive(run) ? el("p", { class: "tm-run-state" }, progressWords(tools, run)) : null,
        this.failure(run),
        this.alarms(run),
        run.can.retry && run.kind !== "train-policy"
          ? el("p", { class: "tm-help" }, this.words("runs.retry_anew"))
          : null,
        runFacts(tools, run),
      ),
      rewardQuality(tools, run.reward_quality),
      this.curves(run),
      runSettings(tools, run),
      runEnvironment(tools, run),
    ];
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
        : el("a", { class: "tm-button tm-slim", href: `#new/${run.kind}/${run.id}` }, words("runs.like")),
      el(
        "a",
        { class: "tm-button tm-slim", href: `#compare=${run.id}${this.before(run)}` },
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
