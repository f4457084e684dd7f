// What a person says about one question: verdicts, rankings, the way through criteria, rationale and improved text.

import assert from "node:assert/strict";
import test from "node:test";

const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { Ranking } = await from("compare/ranking.js");
const { DECISION, draftOf, Steps } = await from("compare/steps.js");
const { asShown, bestPlace, bothBad, inWords, ofRanks, ofStep, SEVEN, skipFor, stepOf, THREE, toCandidates } =
  await from("compare/verdict.js");

const words = (key, values = {}) => [key, ...Object.values(values)].join(" ");
const OFF = { criteria: "off", rationale: "off", improve: "off" };
const CRITERIA = [
  { name: "true", question: "Which is truer?" },
  { name: "short", question: "Which is shorter?" },
];

function stepsOf({ needs = {}, mode = "quick", shown = [1, 0], draft = null } = {}) {
  const asked = { mode, criteria: needs.criteria ? CRITERIA : [], strength: true };
  const completions = shown.map((place) => ({ text: `text ${place}` }));
  return new Steps(asked, { shown, completions, needs: { ...OFF, ...needs } }, draft);
}

test("each step is a verdict, and each verdict its step", () => {
  for (const { name } of SEVEN) assert.equal(stepOf(ofStep(name), true), name);
  for (const { name } of THREE) assert.equal(stepOf(ofStep(name), false), name);
  assert.equal(stepOf(bothBad(2), true), null);
  assert.equal(stepOf(skipFor("unsafe"), true), null);
});

test("a tie, both bad and a skip are three different outcomes", () => {
  assert.deepEqual(ofStep("tie"), { ranks: [1, 1], strength: null, both_bad: false, skipped: null });
  assert.deepEqual(bothBad(2), { ranks: [1, 1], strength: null, both_bad: true, skipped: null });
  assert.deepEqual(skipFor("language"), { ranks: null, strength: null, both_bad: false, skipped: "language" });
});

test("ranks as shown and in the candidates' order turn into each other", () => {
  for (const shown of [
    [0, 1],
    [1, 0],
    [2, 0, 1],
    [3, 1, 0, 2],
  ]) {
    // prettier-ignore
    const ranks = shown.map((_, place) => place + 1);
    assert.deepEqual(asShown(toCandidates(ranks, shown), shown), ranks);
  }
  assert.deepEqual(toCandidates([1, 2], [1, 0]), [2, 1]);
  assert.equal(toCandidates(null, [0, 1]), null);
});

test("verdicts in words", () => {
  assert.equal(inWords(words, ofStep("first_much")), "step.first_much.full");
  assert.equal(inWords(words, ofStep("second")), "step.second.full");
  assert.equal(inWords(words, skipFor("unsafe")), "say.skipped compare.skip.unsafe");
  assert.equal(inWords(words, skipFor("from an old study")), "say.skipped compare.skip.other");
  assert.equal(inWords(words, bothBad(3)), "say.all_bad");
  assert.equal(inWords(words, ofRanks([2, 2, 1])), "3 > 1 = 2");
  assert.equal(bestPlace(ofRanks([3, 1, 1])), 1);
});

test("a ranking that is typed: ties, taking back, what is left", () => {
  const ranking = new Ranking(4);
  for (const action of [{ rank: 2 }, "rank_tie", { rank: 0 }, { rank: 3 }]) assert.equal(ranking.apply(action), true);
  assert.deepEqual([ranking.text(), ranking.rest, ranking.complete, ranking.ranks()], ["3 = 1 > 4", [1], false, null]);
  assert.equal(ranking.apply({ rank: 0 }), false, "it has its rank");
  ranking.apply({ rank: 1 });
  assert.deepEqual(ranking.ranks(), [1, 3, 1, 2]);
  ranking.apply("rank_tie");
  assert.equal(ranking.text(), "3 = 1 > 4 = 2", "where all are ranked, the last one ties");
  ranking.apply("rank_back");
  ranking.apply("rank_tie");
  ranking.apply("rank_back");
  assert.equal(ranking.tieNext, false, "a waiting = is taken back first");
  assert.equal(ranking.text(), "3 = 1 > 4");
  for (let n = 0; n < 3; n++) assert.equal(ranking.apply("rank_back"), true);
  assert.equal(ranking.apply("rank_back"), false);
  assert.equal(ranking.apply("rank_tie"), false, "nothing is there to tie with");
});

test("a ranking that is dragged and pressed", () => {
  const ranking = Ranking.of([1, 2, 3]);
  assert.equal(ranking.apply({ move: 2, to: 0 }), true);
  assert.equal(ranking.text(), "3 > 1 > 2");
  assert.equal(ranking.apply({ move: 3, to: 9 }), true);
  assert.equal(ranking.apply({ move: 1, to: 2 }), false, "it is dropped where it was");
  assert.equal(ranking.apply({ tie_at: 1 }), true);
  assert.equal(ranking.text().startsWith("3 = 1"), true);
  assert.equal(ranking.apply({ remove: 2 }), true);
  assert.equal(ranking.text().startsWith("1 > 2"), true, "the first one ties with nothing");
  const again = new Ranking(3, Ranking.of([2, 1, 1]).kept());
  assert.deepEqual(again.ranks(), [2, 1, 1]);
});

test("quick: the deciding key commits", () => {
  const steps = stepsOf({ needs: { rationale: "optional", improve: "optional" } });
  assert.equal(steps.say(ofStep("first_slightly")), "commit");
  assert.deepEqual(steps.body(), {
    ranks: [2, 1],
    strength: 1,
    both_bad: false,
    skipped: null,
    criteria: null,
    rationale: null,
    improved: null,
  });
});

test("confirm: no key commits by itself, and Enter has something to submit only after the decision", () => {
  const steps = stepsOf({ mode: "confirm" });
  assert.equal(steps.missing(), DECISION);
  assert.equal(steps.say(ofStep("tie")), "stay");
  assert.deepEqual([steps.next(), steps.missing()], [null, null]);
});

test("what is required is asked step by step, in quick mode too, and nothing is sent before", () => {
  const steps = stepsOf({ needs: { criteria: "required", rationale: "required", improve: "required" } });
  assert.equal(steps.confirmed, true);
  assert.equal(steps.say(ofStep("first_much")), "next");
  const way = [];
  for (let name; (name = steps.next()); ) {
    steps.go(name);
    way.push(name);
    if (steps.onBar) steps.say(ofStep("second_better"));
    if (name === "rationale") steps.rationale = "  because\n";
  }
  assert.deepEqual(way, ["criterion:true", "criterion:short", "rationale", "improve"]);
  assert.equal(steps.missing(), "improve", "the text is still as it was");
  assert.equal(steps.improving, 0, "the better one is offered");
  steps.edits[0] = "text that is better";
  assert.equal(steps.missing(), null);
  const body = steps.body();
  assert.deepEqual(body.criteria, { true: { ranks: [1, 2], strength: 2 }, short: { ranks: [1, 2], strength: 2 } });
  assert.equal(body.rationale, "  because\n");
  assert.deepEqual(body.improved, { position: 1, text: "text that is better" });
});

test("a blank rationale and an edit of nothing but spaces are none", () => {
  const steps = stepsOf({ needs: { rationale: "required", improve: "optional" } });
  steps.say(ofStep("tie"));
  steps.rationale = " \n";
  steps.go("improve");
  steps.edits[steps.improving] = "  ";
  assert.equal(steps.missing(), "rationale");
  assert.deepEqual([steps.body().rationale, steps.body().improved], [null, null]);
});

test("a skip says nothing else, and needs nothing else", () => {
  const steps = stepsOf({ needs: { criteria: "required", rationale: "required" } });
  steps.say(ofStep("first_much"));
  steps.go("rationale");
  steps.rationale = "because";
  steps.go(DECISION);
  assert.equal(steps.say(skipFor("unsafe")), "stay");
  assert.deepEqual([steps.next(), steps.missing()], [null, null]);
  const { ranks, criteria, rationale, skipped } = steps.body();
  assert.deepEqual([ranks, criteria, rationale, skipped], [null, null, null, "unsafe"]);
});

test("whoever opened an optional part in quick mode submits by Enter", () => {
  const steps = stepsOf({ needs: { rationale: "optional" } });
  assert.equal(steps.confirmed, false);
  steps.go("rationale");
  steps.rationale = "because";
  steps.go(DECISION);
  assert.equal(steps.say(ofStep("tie")), "stay");
  assert.equal(steps.missing(), null);
});

test("a change of mind is counted", () => {
  const steps = stepsOf({ mode: "confirm" });
  for (const name of ["first_much", "first_much", "tie"]) steps.say(ofStep(name));
  assert.equal(steps.revisions, 1);
  steps.unsay();
  assert.deepEqual([steps.revisions, steps.decision], [2, null]);
});

test("a draft brings everything back; one of another version of the question only what is asked still", () => {
  const steps = stepsOf({
    mode: "confirm",
    needs: { criteria: "optional", rationale: "optional", improve: "optional" },
  });
  assert.equal(steps.touched, false);
  steps.say(ofStep("second_much"));
  steps.go("criterion:short");
  steps.say(ofStep("tie"));
  steps.go("improve");
  steps.edits[steps.improving] = "better";
  assert.equal(steps.touched, true);
  const draft = JSON.parse(JSON.stringify(steps.draft()));
  const again = stepsOf({
    mode: "confirm",
    needs: { criteria: "optional", rationale: "optional", improve: "optional" },
    draft,
  });
  assert.deepEqual(again.body(), steps.body());
  assert.equal(again.current, "improve");
  const changed = stepsOf({ mode: "confirm", draft });
  assert.equal(changed.current, DECISION);
  const { criteria, rationale, improved } = changed.body();
  assert.deepEqual([criteria, rationale, improved, changed.decision], [null, null, null, steps.decision]);
});

test("an answer that is opened again is what was said, and can be said again unchanged", () => {
  const given = {
    ranks: [2, 1],
    strength: 3,
    both_bad: false,
    skipped: null,
    criteria: { true: { ranks: [1, 2], strength: null } },
    rationale: "because",
    improved: { position: 1, text: "better" },
  };
  for (const shown of [
    [0, 1],
    [1, 0],
  ]) {
    // prettier-ignore
    const needs = { criteria: "optional", rationale: "optional", improve: "optional" };
    const steps = stepsOf({ needs, shown, draft: draftOf(given, { shown }) });
    assert.deepEqual(steps.body(), given);
    assert.equal(steps.confirmed, true, "no key sends all of it by itself");
  }
  const skip = {
    ...given,
    ranks: null,
    strength: null,
    skipped: "other",
    criteria: null,
    rationale: null,
    improved: null,
  };
  assert.deepEqual(stepsOf({ draft: draftOf(skip, { shown: [0, 1] }) }).body(), skip);
});
