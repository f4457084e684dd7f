// The parts of the page runs that need no browser: addresses, the notice in the title, readings, settings.

import assert from "node:assert/strict";
import test from "node:test";

const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { asked, listAddress } = await from("runs/address.js");
const { endedSince, titleOf } = await from("runs/notice.js");
const { functionWords, readingWords, readingsOf } = await from("runs/words.js");
const { rewardQuality } = await from("runs/reward_quality.js");
const { faultWords } = await from("page/setting_field.js");
const { rangeWords } = await from("page/setting_words.js");
const { flat } = await from("runs/run_facts.js");
const { overRootKl } = await from("runs/over_kl.js");

const tools = { words: (key) => key, has: () => false };

test("an address leads to a run, a form, a comparison, or the list with its filters", () => {
  assert.deepEqual(asked("#17"), { view: "run", id: 17 });
  assert.deepEqual(asked("#new/sample/9"), { view: "new", kind: "sample", like: 9 });
  assert.deepEqual(asked("#compare=3,5,3,x"), { view: "compare", ids: [3, 5] });
  const filters = { kind: "sample", status: "failed", page: 2 };
  assert.deepEqual(asked(listAddress(filters)), { view: "list", ...filters });
});

test("an address that is broken leads to the list", () => {
  const list = { view: "list", kind: "", status: "", page: 0 };
  for (const hash of ["", "#", "#%", "#page=-1", "#page=1e99", "#99999999999999999999"])
    assert.deepEqual(asked(hash), list);
});

test("only runs that were seen waiting or at work end", () => {
  const before = new Map([
    [1, "running"],
    [2, "succeeded"],
    [4, "queued"],
  ]);
  const now = [1, 2, 3, 4].map((id) => ({ id, status: id === 4 ? "running" : "failed" }));
  assert.deepEqual(
    endedSince(before, now).map(({ id }) => id),
    [1],
  );
});

test("the title names the last run that ended, and how many did", () => {
  const done = { id: 17, kind: "train-policy", status: "succeeded" };
  assert.equal(titleOf(tools, [], "Runs"), "Runs");
  assert.equal(titleOf(tools, [done], "Runs"), "✓ train-policy 17 · Runs");
  assert.equal(titleOf(tools, [done, { ...done, id: 18, status: "failed" }], "Runs"), "(2) ✗ train-policy 18 · Runs");
});

test("readings have an order, unknown ones come last, and those without a number are not drawn", () => {
  const some = { zeta: [[0, 1]], loss: [[0, 1]], score: [[0, 1]], beta: [[0, null]] };
  assert.deepEqual(
    readingsOf([some]).map(([name]) => name),
    ["score", "loss", "zeta"],
  );
});

test("a fault is told in the reader's language: what contradicts another by its key, else what is allowed", () => {
  const said = (key, values = {}) => [key, ...Object.values(values)].join(" ");
  const known = ["fault.shaping_unseen", "set.option.rloo"];
  const page = { words: said, has: (key) => known.includes(key), names: "set" };
  const whole = { kind: "whole", least: 1, most: 9 };
  const unseen = { words: "English", key: "fault.shaping_unseen", values: { algorithm: "rloo" } };
  assert.equal(faultWords(page, { kind: "choice" }, unseen), "fault.shaping_unseen set.option.rloo");
  assert.equal(
    faultWords(page, whole, { words: "English", key: "fault.new" }),
    "settings.whole_needed settings.range.between 1 9",
  );
  assert.equal(
    faultWords(page, { ...whole, kind: "number" }, { words: "English" }),
    "settings.not_allowed settings.range.between 1 9",
  );
  assert.equal(faultWords(page, { kind: "names" }, { words: "English" }), "English");
});

test("an end of a range that is not allowed itself is told as one", () => {
  const range = (more) => rangeWords(tools, { kind: "number", least: 0, most: 1, ...more });
  assert.deepEqual(
    [range({}), range({ open: true }), range({ below: true }), range({ open: true, below: true })],
    ["between", "open", "below", "inside"].map((name) => `settings.range.${name}`),
  );
  assert.equal(range({ open: true, most: null }), "settings.range.above");
});

test("a part of the reward is told by the words of its function, one's own by its name", () => {
  const known = { "function.match": "Patterns", "runs.curve_of.part": "Reward of it" };
  const speaking = {
    has: (key) => key in known,
    words: (key, values = {}) => [known[key], values.name].filter(Boolean).join(": "),
  };
  assert.equal(functionWords(speaking, "match"), "Patterns");
  assert.equal(functionWords(speaking, "match-2"), "Patterns 2");
  assert.equal(functionWords(speaking, "own:mine"), "own:mine");
  assert.equal(readingWords(speaking, "part.match-2"), "Reward of it: Patterns 2");
  assert.equal(readingWords(speaking, "part.own:mine"), "Reward of it: own:mine");
  assert.equal(readingWords(speaking, "other.thing"), "other.thing");
});

test("settings within settings get dotted names; lists stay whole", () => {
  assert.deepEqual(flat({ a: 1, b: { c: null, d: [1, 2] } }), [
    ["a", 1],
    ["b.c", null],
    ["b.d", [1, 2]],
  ]);
});

test("a reading over the root of KL has the steps that have both, in their order; KL below nothing is nothing", () => {
  const curves = {
    kl_nats: [
      [0, 0],
      [1, 0.25],
      [2, null],
      [3, 4],
      [4, -0.01],
    ],
    score: [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
      [5, 6],
    ],
  };
  assert.deepEqual(overRootKl(curves, "score"), [
    [0, 1],
    [0.5, 2],
    [2, 4],
    [0, 5],
  ]);
  assert.deepEqual(overRootKl({ score: curves.score }, "score"), []);
  assert.deepEqual(overRootKl(curves, "held_out"), []);
});

test("runs that measured no reward show no part for it", () => {
  assert.equal(rewardQuality(tools, null), null);
  assert.equal(rewardQuality(tools, { holdout: null }), null);
});
