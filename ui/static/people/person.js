// One person: how they work, what they are asked, and what leads and admins may do about it.

import { askBack } from "../page/dialog.js";
import { el, foreignText, setText } from "../page/elements.js";
import { button, choice, field, form, listed, textInput } from "../page/fields.js";
import { number } from "../page/figures.js";
import { dayWords } from "../page/moments.js";
import { Remote } from "../page/remote.js";
import { table } from "../page/table.js";
import { reliabilityNote, reliance, share } from "./figures.js";

const ROLES = ["annotator", "lead", "researcher", "admin"];
const PAUSED = ["paused", "paused_by_checks"];

export class PersonPanel {
  /** `onChange()` is told of every change. */
  constructor(tools, onChange) {
    Object.assign(this, tools, { onChange, id: null });
    this.about = new Remote(
      this.words,
      () => this.ask(`/api/people/${this.id}`),
      (person) => this.draw(person),
    );
    this.element = el(
      "section",
      { class: "tm-box tm-person", hidden: true, "aria-label": this.words("people.person") },
      this.about.element,
    );
  }

  /** Show the person of this number; none where it is no number. */
  show(within) {
    const id = /^\d+$/.test(within ?? "") ? within : null;
    if (id !== this.id) this.about.element.replaceChildren(); // nobody's buttons stand beside another's name
    this.id = id;
    this.element.hidden = this.id === null;
    if (this.id !== null) this.about.load().then(() => this.element.scrollIntoView({ block: "nearest" }));
  }

  draw(person) {
    const { words } = this;
    const left = person.left_out
      ? foreignText(el("p", { class: "tm-note" }), words("people.left_out_why", { reason: person.left_out }))
      : null;
    const close = button(words("form.close"), () => (location.hash = "people"), { class: "tm-button tm-slim" });
    return [
      el("div", { class: "tm-box-head" }, foreignText(el("h2", { class: "tm-box-title" }), person.name), close),
      el("p", {}, words(`people.state_words.${person.state}`)),
      left,
      this.facts(person),
      this.days(person.worked),
      person.state === "erased" ? null : this.askedForm(person),
      person.state === "erased" ? null : el("div", { class: "tm-actions" }, this.acts(person)),
    ];
  }

  facts(person) {
    const { words } = this;
    const values = {
      answers: String(person.answers),
      days: String(person.days),
      per_hour: number(person.per_hour, 0),
      seconds: number(person.seconds, 1),
      reliability: reliance(words, person.reliability),
      checks: share(words, person.checks),
      repeats: share(words, person.repeats),
      side: share(words, person.side),
      ties: share(words, person.ties),
    };
    const row = ([name, value]) => el("div", {}, el("dt", {}, words(`people.fact.${name}`)), el("dd", {}, value));
    const inverted = person.reliability?.inverted && !person.reliability.wide;
    return [
      el("dl", { class: "tm-figures-of" }, Object.entries(values).map(row)),
      inverted ? el("p", { class: "tm-note" }, words("people.inverted")) : null,
      el("p", { class: "tm-as-of" }, reliabilityNote(words, person)),
    ];
  }

  days(worked) {
    const { words } = this;
    if (worked.length === 0) return el("p", { class: "tm-empty" }, words("people.no_days"));
    const columns = [
      [words("people.day"), false],
      [words("people.column.answers"), true],
    ];
    const rows = worked.map(([day, answers]) => [dayWords(day, this.language), String(answers)]).reverse();
    return el(
      "details",
      {},
      el("summary", {}, words("people.days_worked", { n: worked.length })),
      table(words("people.day"), columns, rows),
    );
  }

  askedForm(person) {
    const { words } = this;
    const inputs = {
      languages: textInput({ value: person.languages.join(", ") }),
      tags: textInput({ value: person.tags.join(", ") }),
      quota: textInput({ type: "number", min: "0", max: "1000000", value: person.quota ?? "" }),
    };
    const failed = el("p", { class: "tm-field-error", role: "alert" });
    const said = el("p", { class: "tm-said", role: "status" });
    const send = async () => {
      setText(failed, "");
      setText(said, "");
      const quota = inputs.quota.value.trim();
      const body = {
        languages: listed(inputs.languages.value),
        tags: listed(inputs.tags.value),
        quota: quota === "" ? null : Number(quota),
      };
      try {
        await this.ask(`/api/people/${person.id}/asked`, body);
        setText(said, words("people.saved"));
        this.onChange();
      } catch (failure) {
        if (!("status" in failure)) throw failure;
        setText(failed, failure.message);
      }
    };
    const fields = Object.entries(inputs).map(
      ([name, input]) => field(words(`people.invite.${name}`), input, words(`people.invite.${name}_help`)).element,
    );
    return form([...fields, failed, el("div", { class: "tm-actions" }, button(words("people.save")), said)], send);
  }

  acts(person) {
    const { words } = this;
    const admin = this.me.role === "admin";
    const acts = [];
    if (person.state !== "withdrawn") {
      acts.push(this.act(person, PAUSED.includes(person.state) ? "resume" : "pause"));
      if (["not_qualified", "paused_by_checks"].includes(person.state)) acts.push(this.act(person, "qualify-again"));
      const lines = [this.effect(person)];
      if (person.left_out) acts.push(this.act(person, "count-again", { lines }));
      else acts.push(this.act(person, "leave-out", { lines, reason: words("people.reason"), danger: true }));
    }
    if (admin && this.me.accounts && person.role)
      acts.push(this.role(person), this.act(person, person.disabled ? "enable" : "disable"), this.password(person));
    const erased = { reason: words("people.erase_reason"), danger: true, done: (told) => this.erased(told) };
    if (admin) acts.push(this.act(person, "erase", erased));
    return acts;
  }

  effect({ effect }) {
    return this.words("people.effect", effect);
  }

  /** A button that asks back, with the person's name and what the act means, and does it. */
  act(person, name, { lines = [], reason = null, danger = false, done = () => {} } = {}) {
    const { words } = this;
    const key = name.replaceAll("-", "_");
    const title = words(`people.act.${key}`);
    const press = async () => {
      let told = null;
      const act = async (text) =>
        (told = await this.ask(`/api/people/${person.id}/${name}`, reason ? { reason: text } : {}));
      const about = foreignText(el("p", { class: "tm-note" }), person.name);
      const asked = {
        title,
        lines: [about, words(`people.means.${key}`), ...lines],
        confirm: title,
        act,
        reason,
        danger,
      };
      if (!(await askBack(words, this.root, asked))) return;
      await Promise.all([this.about.load(), this.onChange()]);
      done(told);
    };
    return button(title, press, { class: danger ? "tm-button tm-danger" : "tm-button", "data-focus": `act-${name}` });
  }

  role(person) {
    const { words } = this;
    const title = words("people.act.role");
    const options = ROLES.map((name) => [name, words(`door.role.${name}`)]);
    const chosen = choice(options, person.role, { "aria-label": title });
    const press = async () => {
      const about = foreignText(el("p", { class: "tm-note" }), person.name);
      const lines = [about, words("people.means.role", { role: words(`door.role.${chosen.value}`) })];
      const act = () => this.ask(`/api/people/${person.id}/role`, { role: chosen.value });
      if (!(await askBack(words, this.root, { title, lines, confirm: title, act }))) return;
      await Promise.all([this.about.load(), this.onChange()]);
    };
    return el("span", { class: "tm-role-choice" }, chosen, button(title, press));
  }

  password(person) {
    const done = ({ password }) => this.told(this.words("people.new_password", { password }));
    return this.act(person, "password", { done });
  }

  erased({ trained, remains }) {
    const { words } = this;
    const made = [...trained.reward_models, ...trained.policies].join(", ") || "–";
    this.told(words("people.erased_trained", { made }), ...remains);
  }

  /** What is told this once. */
  told(...lines) {
    this.about.element.append(
      el(
        "div",
        { class: "tm-note", role: "alert" },
        lines.map((line) => el("p", { dir: "auto" }, line)),
      ),
    );
  }
}
