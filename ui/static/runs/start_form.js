// The form to start a run: what, a preset, any setting by group; what it will take and the exact command stand beside it.

import { el, setText } from "../page/elements.js";
import { button, form } from "../page/fields.js";
import { Remote } from "../page/remote.js";
import { faultWords, settingField } from "../page/setting_field.js";
import { changesBetween, sharedKey } from "../page/setting_words.js";
import { kindWords } from "../page/run_words.js";
import { PlanPanel } from "./plan_panel.js";
import { flat } from "./run_facts.js";
import { isActive, runLink } from "./words.js";

const NEXT = "next-policy";
const PARTS = { [NEXT]: ["train-reward", "train-policy"] };
const KINDS = [NEXT, "sample", "train-reward", "train-policy", "evaluate"];
const TYPING_MILLISECONDS = 250;

export class StartForm {
  constructor(tools) {
    Object.assign(this, tools);
    this.tools = tools;
    this.remote = new Remote(
      this.words,
      () => this.load(),
      (answer) => this.draw(answer),
    );
    this.element = this.remote.element;
  }

  open({ kind, like }) {
    Object.assign(this, { kind: KINDS.includes(kind) ? kind : NEXT, like });
    return this.remote.load();
  }

  close() {
    clearTimeout(this.typing);
  }

  /** How many runs wait or work already. */
  update(runs) {
    const waiting = runs.filter(isActive).length;
    if (this.queue) setText(this.queue, waiting ? this.words("runs.queue", { n: waiting }) : "");
  }

  async load() {
    const { like } = this;
    const [{ kinds }, old] = await Promise.all([
      this.ask("/api/runs/kinds"),
      like === null ? null : this.ask(`/api/runs/${like}?after_log=${Number.MAX_SAFE_INTEGER}`),
    ]);
    return { kinds: Object.fromEntries(kinds.map((one) => [one.kind, one])), old };
  }

  draw({ kinds, old }) {
    const { words } = this;
    this.kinds = kinds;
    this.preset = old === null ? "normal" : null; // what is like an older run has that run's settings
    this.plan = new PlanPanel(this.tools);
    this.queue = el("p", { class: "tm-help" });
    this.done = el("p", { class: "tm-said", role: "status" });
    this.failed = el("p", { class: "tm-field-error", role: "alert" });
    this.fieldsOf = el("div", { class: "tm-stack" });
    this.presets = el("div", {});
    this.fill(old === null ? {} : Object.fromEntries(flat(old.config)));
    const send = button(words("runs.add"), null, { class: "tm-button tm-primary" });
    return form(
      [
        el(
          "div",
          { class: "tm-start" },
          el("div", { class: "tm-stack" }, this.chooseKind(), this.presets, this.fieldsOf),
          el(
            "div",
            { class: "tm-box tm-plan" },
            this.plan.element,
            this.failed,
            el("div", { class: "tm-actions" }, send),
            this.done,
            this.queue,
          ),
        ),
      ],
      () => this.send(),
      { oninput: () => this.typed(), onchange: () => this.typed() },
    );
  }

  parts() {
    return PARTS[this.kind] ?? [this.kind];
  }

  chooseKind() {
    const { words } = this;
    const one = (kind) => {
      const input = el("input", {
        type: "radio",
        name: "tm-kind",
        value: kind,
        "data-focus": `kind-${kind}`,
        checked: kind === this.kind,
        onchange: () => (location.hash = `new/${kind}`),
      });
      const about = kind === NEXT ? words("runs.next_about") : words(`does.${kind}`);
      return el(
        "label",
        { class: "tm-option" },
        input,
        el("span", {}, el("strong", {}, kindWords(this.tools, kind)), about),
      );
    };
    return group(words("runs.what"), KINDS.map(one));
  }

  choosePreset() {
    const { words, has } = this;
    const last = this.parts().at(-1); // a policy's presets are the most
    const one = ({ name, about }) => {
      const input = el("input", {
        type: "radio",
        name: "tm-preset",
        value: name,
        checked: name === this.preset,
        onchange: () => {
          this.preset = name;
          this.fill(this.chosenAlgorithm());
          this.presets.querySelector(`[value=${name}]`).focus();
        },
      });
      const key = `runs.preset.${this.kind}.${name}`;
      const said = has(key) ? words(key) : about;
      return el(
        "label",
        { class: "tm-option" },
        input,
        el("span", {}, el("strong", {}, words(`runs.preset.${name}`)), said),
      );
    };
    return group(words("runs.presets"), this.kinds[last].presets.map(one));
  }

  /** The algorithm as it is chosen: presets are sized for each, and choose none. */
  chosenAlgorithm() {
    const field = this.fields.find(({ about }) => about.name === "algorithm");
    return field ? { algorithm: field.read() } : {};
  }

  /** Fields with the values of the preset, and `given` ones over them. */
  fill(given) {
    const open = new Set([...this.fieldsOf.querySelectorAll("details[open]")].map((each) => each.dataset.part));
    this.fields = this.parts().flatMap((kind) => {
      const { fields, values, presets } = this.kinds[kind];
      const preset = presets.find(({ name }) => name === this.preset)?.settings ?? {};
      return fields.map((about) => {
        const name = about.name;
        const value = name in given ? given[name] : name in preset ? preset[name] : values[name];
        return { ...settingField(this.tools, about, value), kind };
      });
    });
    const parts = [...new Set(this.fields.map(({ about }) => about.part))];
    this.groups = parts.map((part) => this.group(part, open.has(part)));
    this.fieldsOf.replaceChildren(...this.groups.map(({ element }) => element));
    this.presets.replaceChildren(this.choosePreset());
    this.typed(0);
  }

  group(part, open) {
    const { words, has } = this;
    const key = sharedKey(has, "runs.part", part);
    const count = el("span", { class: "tm-help" });
    const inside = this.fields.filter(({ about }) => about.part === part);
    const element = el(
      "details",
      { class: "tm-box", open, "data-part": part },
      el("summary", {}, el("span", { class: "tm-box-title" }, has(key) ? words(key) : part), " ", count),
      el(
        "div",
        { class: "tm-setting-group" },
        inside.map((each) => each.element),
      ),
    );
    return { part, count, element, inside };
  }

  /** Whether a group of settings is that of an algorithm which is not chosen. */
  isOfAnother(part) {
    const field = this.fields.find(({ about }) => about.name === "algorithm");
    const [owner] = part.split(".");
    return field?.about.options.includes(owner) && owner !== field.read();
  }

  /** What differs from the study's own settings, kind by kind: {kind: {name: value}}. */
  changes() {
    return Object.fromEntries(
      this.parts().map((kind) => {
        const own = this.fields.filter((each) => each.kind === kind && !this.isOfAnother(each.about.part));
        const values = Object.fromEntries(own.map((each) => [each.about.name, each.read()]));
        return [
          kind,
          Object.fromEntries(changesBetween(this.kinds[kind].values, values).map(([name, , to]) => [name, to])),
        ];
      }),
    );
  }

  body() {
    const changes = this.changes();
    // Lists go as the command line has them.
    const sent = (kind) =>
      Object.fromEntries(
        Object.entries(changes[kind]).map(([name, to]) => [name, Array.isArray(to) ? JSON.stringify(to) : to]),
      );
    if (this.kind === NEXT) return { reward: sent("train-reward"), policy: sent("train-policy") };
    return { kind: this.kind, settings: sent(this.kind) };
  }

  path() {
    return this.kind === NEXT ? "/api/next-policy" : "/api/runs";
  }

  typed(wait = TYPING_MILLISECONDS) {
    setText(this.done, "");
    setText(this.failed, "");
    const changes = this.changes();
    for (const { part, element, count, inside } of this.groups) {
      element.hidden = this.isOfAnother(part);
      const n = inside.filter(({ kind, about }) => about.name in changes[kind]).length;
      setText(count, n ? this.words("runs.changed", { n }) : "");
    }
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.askPlan(), wait);
  }

  async askPlan() {
    const mine = (this.asked = (this.asked ?? 0) + 1);
    try {
      const plan = await this.ask(`${this.path()}/plan`, this.body());
      if (mine === this.asked) this.show(plan);
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      if (mine === this.asked) this.plan.fail(failure.message);
    }
  }

  show(plan) {
    const faults = new Map(
      plan.parts.flatMap(({ kind, faults: found }) =>
        Object.entries(found).map(([name, fault]) => [`${kind} ${name}`, fault]),
      ),
    );
    for (const each of this.fields) {
      const fault = faults.get(`${each.kind} ${each.about.name}`);
      each.fail(fault ? faultWords(this.tools, each.about, fault) : "");
      if (fault) each.element.closest("details").open = true;
    }
    this.faulty = this.fields.find((each) => faults.has(`${each.kind} ${each.about.name}`)) ?? null;
    this.plan.show(plan);
  }

  async send() {
    const { words } = this;
    setText(this.failed, "");
    try {
      const answer = await this.ask(this.path(), this.body());
      const runs = answer.runs ?? [answer];
      this.done.replaceChildren(words("runs.added"), " ", ...runs.flatMap((run) => [runLink(this.tools, run), " "]));
      this.refresh();
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      await this.askPlan();
      if (this.faulty) {
        this.faulty.input.focus();
        setText(this.failed, words("runs.faulty"));
      } else setText(this.failed, this.plan.refused ?? failure.message);
    }
  }
}

function group(title, options) {
  return el("fieldset", { class: "tm-box tm-options" }, el("legend", { class: "tm-box-title" }, title), options);
}
