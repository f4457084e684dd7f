// The table of judgments, and one judgment with its pair, its history, and what it trained.

import { el, foreignText } from "../page/elements.js";
import { momentWords } from "../page/moments.js";
import { pairView } from "../people/pair.js";
import { choiceField, languageField, named, policyField, splitField } from "./filter_fields.js";
import { facts, foreign, link, sideWords, verdictWords } from "./pieces.js";

const VERDICTS = ["decided", "tie", "both_bad", "skipped", "undo"];
const STATES = ["counts", "superseded", "undo", "left_out", "taken_back"];

export function judgmentTable({ words, language }) {
  const person = (row) =>
    foreignText(link(`/people#people/${row.person_id}`, "", { class: "tm-inline-link tm-data-short" }), row.person);
  const state = (row) =>
    el(
      "span",
      { class: "tm-state-tag", "data-state": row.state === "counts" ? "active" : "" },
      words(`data.state.${row.state}`),
    );
  return {
    name: "judgments",
    about: words("data.judgments.about"),
    empty: words("data.judgments.none"),
    links: ["comparison", "completion", "prompt", "run", "imported"],
    fields: (choices) => [
      { key: "round", label: words("data.column.round"), type: "number", min: "0" },
      choiceField(words, "purpose", "data.column.purpose", named(words, choices.purposes, "data.purpose")),
      choiceField(words, "verdict", "data.column.verdict", named(words, VERDICTS, "data.verdict")),
      choiceField(words, "state", "data.column.state", named(words, STATES, "data.state")),
      splitField(words, choices),
      languageField(words, choices, language),
      choiceField(
        words,
        "who",
        "data.column.person",
        choices.people.map(({ id, name }) => [String(id), name]),
        { help: choices.more_people ? words("data.more_people") : "" },
      ),
      policyField(words, choices),
      { key: "since", label: words("data.since"), type: "date" },
      { key: "until", label: words("data.until"), type: "date" },
    ],
    columns: ["judgment", "person", "verdict", "sides", "seconds", "round", "purpose", "guideline", "at", "state"].map(
      (name) => [words(`data.column.${name}`), ["seconds", "round", "guideline"].includes(name)],
    ),
    cells: (row) => [
      link(`#judgments/${row.id}`, words("data.judgment", { id: row.id })),
      person(row),
      foreignText(el("span", { class: "tm-data-short" }), verdictWords(words, row)),
      sideWords(words, row),
      row.milliseconds === null ? "–" : (row.milliseconds / 1000).toFixed(1),
      row.round === null ? "–" : String(row.round),
      words(`data.purpose.${row.purpose}`),
      row.guideline === null ? "–" : String(row.guideline),
      momentWords(row.at, language),
      state(row),
    ],
    detail: (one) => [
      foreignText(el("p", { class: "tm-note" }), verdictWords(words, one)),
      pairView(words, one, {
        marks: Object.fromEntries(one.completions.map((each, place) => [place, mark(words, one, each, place)])),
      }),
      el(
        "div",
        { class: "tm-actions" },
        one.completions.map((each, place) =>
          link(`#completions/${each.id}`, words("data.open_completion", { n: place + 1 })),
        ),
        link(`#prompts/${one.prompt_id}`, words("data.open_prompt")),
        link(`#judgments?comparison=${one.comparison_id}`, words("data.others_on_it")),
      ),
      facts([
        [words("data.column.person"), person(one)],
        [words("data.column.state"), state(one)],
        [words("data.column.sides"), sideWords(words, one)],
        [words("data.column.seconds"), one.milliseconds === null ? "–" : (one.milliseconds / 1000).toFixed(1)],
        [words("data.column.at"), momentWords(one.at, language)],
        [words("data.column.round"), one.round === null ? "–" : String(one.round)],
        [words("data.column.purpose"), words(`data.purpose.${one.purpose}`)],
        [words("data.column.guideline"), one.guideline === null ? "–" : String(one.guideline)],
        [words("data.late"), words(one.late ? "data.yes" : "data.no")],
        [
          words("data.column.source"),
          one.import_id === null ? words("data.given_here") : words("data.import", { id: one.import_id }),
        ],
        [words("data.replaces"), other(words, one.supersedes_id)],
        [words("data.replaced_by"), other(words, one.superseded_by)],
      ]),
      written(words("data.rationale"), one.rationale),
      written(words("data.criteria"), one.criteria && JSON.stringify(one.criteria, null, 1)),
      written(words("data.improved"), one.improved?.text),
      trained(words, one.trained),
    ],
  };
}

/** Under a completion: which policy wrote it, unless it is sealed, and where it stood. */
function mark(words, { shown }, { policy, sealed }, place) {
  const wrote = sealed ? words("data.sealed") : policy;
  return shown === null ? wrote : `${wrote} · ${words("data.stood", { n: shown.indexOf(place) + 1 })}`;
}

function other(words, id) {
  return id === null ? "–" : link(`#judgments/${id}`, words("data.judgment", { id }));
}

function written(title, text) {
  if (!text) return null;
  return el("section", {}, el("h3", { class: "tm-label" }, title), foreignText(el("p", {}), text));
}

/** What the judgment trained: the answer to "what did judgment 123 train?". */
function trained(words, { runs, reward_models, policies }) {
  const title = el("h3", { class: "tm-label" }, words("data.trained"));
  if (runs.length === 0) return el("section", {}, title, el("p", { class: "tm-empty" }, words("data.trained_nothing")));
  const listed = (name, items) => (items.length ? [[words(name), items.flatMap((item) => [item, " "])]] : []);
  return el(
    "section",
    {},
    title,
    facts([
      ...listed(
        "data.trained_runs",
        runs.map((id) => link(`/runs#${id}`, words("data.run", { id }))),
      ),
      ...listed("data.trained_rewards", reward_models.map(foreign)),
      ...listed("data.trained_policies", policies.map(foreign)),
    ]),
    el("p", {}, link(`#judgments?run=${runs[0]}`, words("data.all_of_run", { id: runs[0] }))),
  );
}
