// What follows an answer: what is sent, what the page says, which question comes next; with the page's parts as notes.

import assert from "node:assert/strict";
import test from "node:test";

const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { Saving } = await from("compare/saving.js");
const { RequestFailed } = await from("page/http.js");
const { Reopening } = await from("compare/reopening.js");
const { ofStep } = await from("compare/verdict.js");

const QUESTION = { comparison: "c1", shown: [1, 0], training: false, asked: { id: 7 } };
const ANSWER = {
  fields: {
    ranks: [2, 1],
    strength: 3,
    both_bad: false,
    skipped: null,
    criteria: null,
    rationale: null,
    improved: null,
  },
  device: "keyboard",
  words: "much better",
  signals: { scrolled: [1, 1], views: ["raw"], revisions: 0, order: [] },
  view: "raw",
  question: QUESTION,
};
const until = async (condition) => {
  for (let tries = 0; tries < 500 && !condition(); tries++) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.ok(condition(), "what was waited for did not happen");
};

function storage() {
  const kept = new Map();
  return {
    kept,
    get length() {
      return kept.size;
    },
    key: (place) => [...kept.keys()][place] ?? null,
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, text) => kept.set(name, text),
    removeItem: (name) => kept.delete(name),
  };
}

/** A page whose parts note what they are told; `answers` are [status, body] in turn, the last one for good. */
function pageThat(...answers) {
  globalThis.localStorage = storage();
  const told = [];
  const note =
    (what) =>
    (...values) =>
      told.push([what, ...values]);
  const sent = [];
  globalThis.fetch = async (path, { body }) => {
    sent.push([path, JSON.parse(body ?? "null")]);
    const [status, reply] = answers.length > 1 ? answers.shift() : answers[0];
    if (status === 0) throw new TypeError("no network");
    return { ok: status < 400, status, json: async () => reply };
  };
  const drafts = new Map();
  const page = {
    words: (key, values = {}) => [key, ...Object.values(values)].join(" "),
    me: { key: "ann", accounts: true },
    place: "study:ann",
    time: { milliseconds: () => 1234 },
    guidelines: { now: { id: 3 } },
    frame: { alive: () => true },
    status: { say: (text) => text && told.push(["say", text]) },
    failed: { show: note("failed"), hide: () => {} },
    notAccepted: { show: (refused) => (page.refused = refused) },
    feedback: { show: note("feedback") },
    footer: { show: () => {} },
    drafts: { drop: (name) => drafts.delete(name), keep: (name, draft) => drafts.set(name, draft), kept: drafts },
    desk: { question: QUESTION, busy: () => {}, showLast: note("last") },
    asking: {
      asked: { id: 8 },
      queue: { close: note("close"), settle: note("settle"), again: note("again") },
      advance: note("advance"),
      anew: note("anew"),
      refresh: note("refresh"),
      rest: note("rest"),
      end: note("end"),
      otherPerson: note("other person"),
      backAgain: () => {},
      reopen: note("reopen"),
    },
  };
  page.saving = new Saving(page);
  page.reopening = new Reopening(page);
  page.ask = async (path, body) => await (await fetch(path, { body: JSON.stringify(body) })).json();
  return {
    page,
    told,
    sent,
    drafts,
    said: (key) => told.some(([what, text]) => what === "say" && text.startsWith(key)),
  };
}

test("an answer is sent with all that was seen and noted, once, and the next question follows", async () => {
  const { page, told, sent } = pageThat([200, { saved: true, late: false, feedback: null }]);
  await page.saving.commit(ANSWER);
  const [[path, { key, ...body }]] = sent;
  assert.equal(path, "/api/judgments");
  assert.ok(key.length >= 8);
  assert.deepEqual(body, {
    comparison: "c1",
    shown: [1, 0],
    ...ANSWER.fields,
    milliseconds: 1234,
    input_device: "keyboard",
    view: "raw",
    asked: 7, // what was asked when the question was fetched, not what is asked by now
    guideline: 3,
    person: "ann",
    signals: { ...ANSWER.signals, place: 1 },
  });
  assert.deepEqual(told, [
    ["settle", "c1"],
    ["say", "status.saved"],
    ["close", QUESTION],
    ["last", "much better"],
    ["advance"],
  ]); // prettier-ignore
  assert.equal(page.saving.busy, false);
});

test("saved is not said while there is no network; what waits is counted, and the next question comes", async () => {
  const { page, told, said } = pageThat([0]);
  await page.saving.commit(ANSWER);
  assert.equal(said("status.kept 1"), true);
  assert.equal(said("status.saved"), false);
  assert.deepEqual(told.at(-1), ["advance"]);
  await until(() => told.some(([what]) => what === "failed"));
});

test("a late answer is said to be late", async () => {
  const { page, said } = pageThat([200, { saved: true, late: true, feedback: null }]);
  await page.saving.commit(ANSWER);
  assert.equal(said("status.saved_late"), true);
});

test("in training the next question waits until the person has seen what the expert said", async () => {
  const feedback = { right: false, expert: [1, 2] };
  const { page, told } = pageThat([200, { saved: true, late: false, feedback }]);
  await page.saving.commit({ ...ANSWER, question: { ...QUESTION, training: true } });
  assert.deepEqual(told.slice(-2), [["rest"], ["feedback", feedback, { said: "much better", shown: [1, 0] }]]);
});

test("where what is asked changed the question comes anew, with what was said, and nothing is on the list", async () => {
  const { page, told, drafts, said } = pageThat([409, { error: "changed", code: "asked_changed" }]);
  await page.saving.commit(ANSWER);
  assert.deepEqual([said("status.asked_changed"), told.at(-1), page.refused], [true, ["anew", "c1"], []]);
  assert.equal(
    told.some(([what]) => what === "advance"),
    false,
  ); // prettier-ignore
  page.desk.question = { comparison: "another" };
  await page.saving.commit(ANSWER);
  assert.deepEqual(
    drafts.get("c1").said.decision,
    ofStep("first_much"),
    "it was gone from the screen: a draft brings it back",
  );
});

test("what the server does not take stays on the screen with the reason; once it is gone, on the list", async () => {
  const here = pageThat([422, { error: "a rationale is missing" }]);
  await here.page.saving.commit(ANSWER);
  assert.equal(here.said("status.not_accepted a rationale is missing"), true);
  assert.deepEqual([here.page.refused, here.told.some(([what]) => what === "advance")], [[], false]);
  const gone = pageThat([422, { error: "a rationale is missing" }]);
  gone.page.desk.question = { comparison: "another" };
  await gone.page.saving.commit(ANSWER);
  assert.equal(gone.page.refused[0].reason, "a rationale is missing");
  assert.deepEqual([gone.drafts.has("c1"), gone.told.at(-1)], [true, ["again", "c1"]]);
});

test("a question that is not there any more is left, and its answer stays on the list", async () => {
  const { page, told } = pageThat([404, { error: "never handed out" }]);
  await page.saving.commit(ANSWER);
  assert.deepEqual(told.at(-1), ["advance"]);
  assert.equal(page.refused[0].answer.comparison, "c1");
});

for (const [what, reply] of [
  ["end", [401, { error: "Log in first." }]],
  ["other person", [409, { error: "somebody else", code: "other_person" }]],
])
  test(`whoever is not let in any more (${what}) keeps the answer in this browser, and the page stops`, async () => {
    const { page, told } = pageThat(reply);
    await page.saving.commit(ANSWER);
    await until(() => told.some(([each]) => each === what));
    assert.deepEqual([page.saving.outbox.waiting, page.refused], [1, []]);
    assert.equal(
      told.some(([each]) => each === "advance"),
      false,
    ); // prettier-ignore
  });

test("what was answered in another tab is not asked here", async () => {
  const { page, told, said } = pageThat([200, {}]);
  page.saving.elsewhere({ answer: { comparison: "c2" } });
  assert.deepEqual(told, [["close", { comparison: "c2" }]]);
  page.saving.elsewhere({ answer: { comparison: "c1" } });
  assert.deepEqual([said("status.elsewhere"), told.at(-1)], [true, ["advance"]]);
});

test("an undo waits for the answer that is on its way, and is one undo however often it is tried", async () => {
  const undone = { undone: true, question: QUESTION, answer: ANSWER.fields };
  const { page, told, sent, said, drafts } = pageThat([0], [200, { saved: true }], [200, undone]);
  await page.saving.commit(ANSWER);
  await page.reopening.undo();
  assert.deepEqual(
    sent.map(([path]) => path),
    ["/api/judgments", "/api/judgments", "/api/undo"],
  ); // prettier-ignore
  assert.deepEqual([told.find(([what]) => what === "reopen")[1], said("status.undone")], [QUESTION, true]);
  assert.equal(drafts.size, 0, "the decision is made anew");
});

test("an undo whose reply was lost is another one after another answer", async () => {
  const { page, sent } = pageThat([200, { saved: true }]);
  page.ask = async (path, { key }) => {
    sent.push([path, { key }]);
    throw new RequestFailed(0, "no network");
  };
  await page.saving.commit(ANSWER);
  for (let tries = 0; tries < 2; tries++) await page.reopening.undo();
  await page.saving.commit({ ...ANSWER, question: { ...QUESTION, comparison: "c2" } });
  await page.reopening.undo();
  const [first, again, other] = sent.filter(([path]) => path === "/api/undo").map(([, { key }]) => key);
  assert.equal(first, again);
  assert.notEqual(first, other);
});

test("an undo means an answer of this page, though another tab gave a later one", async () => {
  const { page, sent } = pageThat([200, { saved: true, undone: true, question: null, answer: null }]);
  for (const comparison of ["c1", "c2"]) await page.saving.commit({ ...ANSWER, question: { ...QUESTION, comparison } });
  for (let undone = 0; undone < 3; undone++) await page.reopening.undo();
  const of = (wanted) => sent.filter(([path]) => path === wanted).map(([, body]) => body);
  const [first, second] = of("/api/judgments").map(({ key }) => key);
  assert.deepEqual(
    of("/api/undo").map(({ answer }) => answer),
    [second, first, null],
  );
});

test("an undo means no answer that was not accepted", async () => {
  const { page, sent } = pageThat([200, { saved: true }], [422, { error: "no" }], [200, { undone: false }]);
  for (const comparison of ["c1", "c2"]) await page.saving.commit({ ...ANSWER, question: { ...QUESTION, comparison } });
  await page.reopening.undo();
  assert.equal(sent.at(-1)[1].answer, sent[0][1].key);
});
