// The way through one question: the decision, then each criterion, a rationale, an improved text, as the study asks.
//
// It holds all that the person said about the question, knows what comes next, and draws nothing.

import { asShown, bestPlace, ofRanks, toCandidates } from "./verdict.js";

export const DECISION = "decision";
const criterion = (name) => `criterion:${name}`;

export class Steps {
  /** `asked` and `question` as the server sends them; `draft` is what `draft()` gave before. */
  constructor(asked, question, draft = null) {
    this.asked = asked;
    this.question = question;
    this.needs = question.needs;
    this.current = DECISION;
    this.said = {}; // decision and criteria: a verdict each
    this.ranked = {}; // on a board: what was ranked so far, finished or not
    this.rationale = "";
    this.improving = null; // the place of the response that is improved
    this.edits = {}; // by place: how the person would have it
    this.opened = false; // whether the person went beyond the decision: then no key commits by itself
    this.revisions = 0;
    this.order = [];
    if (draft) Object.assign(this, structuredClone(draft));
    if (!this.names.includes(this.current)) this.current = DECISION;
  }

  /** The steps that this study asks for, in their order. */
  get names() {
    const criteria = this.needs.criteria === "off" ? [] : this.asked.criteria.map((each) => criterion(each.name));
    return [DECISION, ...criteria, ...["rationale", "improve"].filter((name) => this.needs[name] !== "off")];
  }

  get decision() {
    return this.said[DECISION] ?? null;
  }

  /** What the current step is about: the criterion's {name, question}, or null. */
  get criterion() {
    return this.asked.criteria.find((each) => criterion(each.name) === this.current) ?? null;
  }

  /** Whether the current step is answered on the bar or board. */
  get onBar() {
    return this.current === DECISION || this.criterion !== null;
  }

  need(name) {
    return name === DECISION ? "required" : this.needs[name.startsWith("criterion:") ? "criteria" : name];
  }

  done(name) {
    if (name === "rationale") return this.rationale.trim() !== "";
    if (name === "improve") return this.changed && this.edits[this.improving].trim() !== "";
    return name in this.said;
  }

  get candidates() {
    return this.question.completions.length;
  }

  /** Whether the text that is improved differs from the response that it began as. */
  get changed() {
    const edit = this.edits[this.improving];
    return edit !== undefined && edit !== this.question.completions[this.improving].text;
  }

  /** The text of the response that is improved, as it stands. */
  get improvedText() {
    return this.edits[this.improving] ?? this.question.completions[this.improving].text;
  }

  /** Whether the answer is committed by Enter and not by the key that decides. */
  get confirmed() {
    if (this.asked.mode === "confirm" || this.candidates > 2 || this.opened) return true;
    return Object.values(this.needs).includes("required");
  }

  /** Say something in the current step, which stands on the bar. Returns "commit", "next" or "stay": what follows. */
  say(verdict) {
    if (this.current in this.said && JSON.stringify(this.said[this.current]) !== JSON.stringify(verdict))
      this.revisions++;
    this.said[this.current] = verdict;
    if (this.current === DECISION && verdict.skipped) return this.confirmed ? "stay" : "commit";
    if (!this.confirmed) return "commit";
    return this.asked.mode === "quick" && this.candidates === 2 && this.next() ? "next" : "stay";
  }

  /** Take back what was said in the current step. */
  unsay() {
    if (this.current in this.said) this.revisions++;
    delete this.said[this.current];
  }

  /** The step that Enter leads to, or null where nothing is left to ask. What is optional is asked only on the way. */
  next() {
    if (this.decision?.skipped) return null;
    const at = this.names.indexOf(this.current);
    const asks = (name) => this.need(name) === "required" || name.startsWith("criterion:");
    return this.names.slice(at + 1).find((name) => asks(name) && !this.done(name)) ?? null;
  }

  /** The first step that has to be answered and is not, or null: then the answer can be sent. */
  missing() {
    if (this.decision?.skipped) return null;
    return this.names.find((name) => this.need(name) === "required" && !this.done(name)) ?? null;
  }

  go(name) {
    this.current = name;
    if (name !== DECISION) this.opened = true;
    if (name === "improve" && !this.changed) this.improving = bestPlace(this.decision);
  }

  /** Whether there is anything that would be a pity to lose. */
  get touched() {
    const begun = Object.keys(this.said).length + Object.values(this.ranked).filter((each) => each.order.length).length;
    return begun > 0 || this.rationale !== "" || this.changed;
  }

  /** All of it, for the browser's storage. */
  draft() {
    const { current, said, ranked, rationale, improving, edits, opened, revisions, order } = this;
    return { current, said, ranked, rationale, improving, edits, opened, revisions, order };
  }

  /** The judgment's fields, ranks in the order of the candidates: what is asked; of a skip nothing else. */
  body() {
    const { shown } = this.question;
    const wanted = (name) => !this.decision.skipped && this.needs[name] !== "off";
    const turned = ({ ranks, strength }) => ({ ranks: toCandidates(ranks, shown), strength });
    const { ranks, strength, both_bad, skipped } = this.decision;
    const criteria = this.asked.criteria
      .filter(({ name }) => wanted("criteria") && this.said[criterion(name)])
      .map(({ name }) => [name, turned(this.said[criterion(name)])]);
    const improved = wanted("improve") && this.done("improve");
    return {
      ...turned({ ranks, strength }),
      both_bad,
      skipped,
      criteria: criteria.length ? Object.fromEntries(criteria) : null,
      rationale: wanted("rationale") && this.done("rationale") ? this.rationale : null,
      improved: improved ? { position: shown[this.improving], text: this.improvedText } : null,
    };
  }
}

/** The draft of an answer that was given before, to show and to change it. */
export function draftOf(answer, question) {
  const { shown } = question;
  const back = (said) => ({ ...ofRanks(asShown(said.ranks, shown)), strength: said.strength ?? null });
  const said = { [DECISION]: { ...back(answer), both_bad: answer.both_bad, skipped: answer.skipped } };
  for (const [name, value] of Object.entries(answer.criteria ?? {})) said[criterion(name)] = back(value);
  const { improved } = answer;
  const improving = improved ? shown.indexOf(improved.position) : null;
  return {
    said,
    rationale: answer.rationale ?? "",
    improving,
    edits: improved ? { [improving]: improved.text } : {},
    opened: Boolean(answer.criteria || answer.rationale || improved),
  };
}

/** What stands in a draft beside the decision, which is to be made anew; null where there is nothing. */
export function besideDecision({ said, ...rest }) {
  const criteria = Object.fromEntries(Object.entries(said).filter(([name]) => name !== DECISION));
  return rest.opened ? { ...rest, said: criteria } : null;
}
