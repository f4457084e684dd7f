// The parts of the compare page that need no browser: keys, the queue of pairs, leases, visible time.

import assert from "node:assert/strict";
import test from "node:test";

const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { actionOf, isControl, keysOfSteps, leavesField } = await from("compare/key_map.js");
const { keysFor } = await from("compare/keys_dialog.js");
const { Lease, secondsToRenewal } = await from("compare/leases.js");
const { QuestionQueue } = await from("compare/question_queue.js");
const { VisibleTime } = await from("compare/visible_time.js");

const press = (code, key = "", more = {}) => ({ code, key, ...more });
const TWO = { candidates: 2, strength: true, reasons: 0 };
const PLAIN = { ...TWO, strength: false };
const FOUR = { candidates: 4, strength: true, reasons: 0 };
const pair = (name) => ({ comparison: name });
const reply = (...names) => ({ state: names.length ? "ready" : "all_done", questions: names.map(pair), progress: {} });
const names = (queue) => queue.waiting.map((each) => each.comparison);

test("digits and number pad are the seven steps, arrows mean better, down is a tie", () => {
  const steps = (asked, ...codes) => codes.map((code) => actionOf(press(code), asked)?.step ?? null);
  assert.deepEqual(steps(TWO, "Digit1", "Digit2", "Digit3", "Numpad4", "Digit5", "Digit6", "Numpad7", "Digit8"), [
    "first_much",
    "first_better",
    "first_slightly",
    "tie",
    "second_slightly",
    "second_better",
    "second_much",
    null,
  ]);
  assert.deepEqual(steps(TWO, "ArrowLeft", "ArrowDown", "ArrowRight"), ["first_better", "tie", "second_better"]);
});

test("without strength 1 and 2 are the sides and 3 is a tie", () => {
  const steps = (...codes) => codes.map((code) => actionOf(press(code), PLAIN)?.step ?? null);
  assert.deepEqual(steps("Digit1", "Digit2", "Digit3", "Digit4"), ["first", "second", "tie", null]);
  assert.deepEqual(steps("ArrowLeft", "ArrowRight", "ArrowDown"), ["first", "second", "tie"]);
});

test("letters go by what they write, on any layout; every letter of the map means something", () => {
  assert.equal(actionOf(press("KeyW", "z"), TWO), "undo", "a French keyboard has Z on W");
  assert.equal(actionOf(press("Slash", "?", { shiftKey: true }), TWO), "keys");
  assert.equal(actionOf(press("Digit1", "!", { shiftKey: true }), TWO), null);
  assert.equal(actionOf(press("Digit7", "?", { shiftKey: true }), TWO), "keys", "where ? lies on a digit");
  assert.deepEqual(
    [..."bszfnecmgpl"].map((letter) => actionOf(press(`Key${letter.toUpperCase()}`, letter), TWO)),
    ["both_bad", "skip", "undo", "flag", "rationale", "improve", "criteria", "view", "guidelines", "pause", "answers"],
  );
  assert.deepEqual(
    ["Enter", "NumpadEnter", "Escape"].map((code) => actionOf(press(code), TWO)),
    ["enter", "enter", "close"],
  );
});

test("on a board digits rank, = ties, Backspace takes back, and arrows are left to scrolling", () => {
  assert.deepEqual(actionOf(press("Digit3"), FOUR), { rank: 2 });
  assert.equal(actionOf(press("Digit5"), FOUR), null);
  assert.equal(actionOf(press("Equal", "="), FOUR), "rank_tie");
  assert.equal(actionOf(press("Digit0", "=", { shiftKey: true }), FOUR), "rank_tie", "a German keyboard has it on 0");
  assert.equal(actionOf(press("Backspace"), FOUR), "rank_back");
  assert.equal(actionOf(press("ArrowLeft"), FOUR), null);
  assert.deepEqual([actionOf(press("Equal", "="), TWO), actionOf(press("Backspace"), TWO)], [null, null]);
});

test("with the reasons open a digit names a reason, on a board too", () => {
  for (const asked of [TWO, FOUR]) {
    assert.deepEqual(actionOf(press("Digit3"), { ...asked, reasons: 6 }), { reason: 2 });
    assert.equal(actionOf(press("Digit7"), { ...asked, reasons: 6 }), null);
    assert.equal(actionOf(press("ArrowLeft"), { ...asked, reasons: 6 }), null);
    assert.equal(actionOf(press("Escape"), { ...asked, reasons: 6 }), "close");
  }
});

test("keys that belong to something else do nothing; Escape leaves a field", () => {
  for (const more of [{ repeat: true }, { isComposing: true }, { ctrlKey: true }, { altKey: true }, { metaKey: true }])
    assert.equal(actionOf(press("ArrowLeft", "", more), TWO), null);
  const field = { closest: (what) => what.includes("textarea") };
  const typing = (code, more = {}) => press(code, "1", { composedPath: () => [field], ...more });
  assert.equal(actionOf(typing("Digit1"), TWO), null);
  assert.equal(leavesField(typing("Escape")), true);
  assert.equal(leavesField(typing("Escape", { isComposing: true })), false, "an input method closes its own list");
  assert.equal(leavesField(press("Escape")), false);
  assert.equal(isControl({ target: { closest: (what) => what.includes("button") } }), true);
  assert.equal(isControl({ target: { closest: () => null } }), false);
});

test("the keys on the buttons and in the list are those of the map", () => {
  for (const asked of [TWO, PLAIN])
    for (const [name, keys] of Object.entries(keysOfSteps(asked.strength))) {
      const code = { "←": "ArrowLeft", "→": "ArrowRight", "↓": "ArrowDown" };
      for (const key of keys) assert.equal(actionOf(press(code[key] ?? `Digit${key}`), asked).step, name);
    }
  const listed = (asked) => keysFor(asked).map(([, name]) => name);
  assert.equal(listed(TWO).filter((name) => name.startsWith("step.")).length, 7);
  assert.ok(listed({ ...FOUR, criteria: false }).includes("rank_tie"));
  assert.ok(!listed({ ...FOUR, criteria: false }).includes("criteria"), "what is not asked is not listed");
  assert.ok(listed({ ...TWO, criteria: true }).includes("criteria"));
});

test("a pair that was answered is not handed out again by a request that was overtaken", async () => {
  const queue = new QuestionQueue(async () => reply("a", "b", "c"));
  await queue.fill();
  assert.equal(queue.take().comparison, "a");
  queue.close(pair("a"));
  assert.equal(queue.take().comparison, "b");
  await queue.fill();
  assert.deepEqual(names(queue), ["c"]);
});

test("a pair that the server hands out after it has the answer was taken back elsewhere: it is asked", async () => {
  const queue = new QuestionQueue(async () => reply("a", "b"));
  await queue.fill();
  queue.take();
  queue.close(pair("a"));
  queue.take();
  await queue.fill();
  assert.deepEqual(names(queue), [], "the answer is on its way yet");
  queue.settle("a");
  await queue.fill();
  assert.deepEqual(names(queue), ["a"]);
});

test("a pair that was taken back is shown, and the one it interrupted comes next", async () => {
  const queue = new QuestionQueue(async () => reply("b", "c"));
  queue.close(pair("a"));
  await queue.fill();
  queue.take();
  assert.equal(queue.reopen(pair("a")).comparison, "a");
  assert.deepEqual(
    [queue.take(), queue.take()].map((each) => each.comparison),
    ["b", "c"],
  ); // prettier-ignore
});

test("what waits keeps its place and takes on what the server says of it now", async () => {
  let version = 1;
  const queue = new QuestionQueue(async () => ({
    ...reply(),
    questions: ["c", "b", "a"].slice(0, version + 1).map((name) => ({ ...pair(name), version })),
  }));
  await queue.fill();
  version = 2;
  await queue.fill();
  assert.deepEqual(
    queue.waiting,
    ["c", "b", "a"].map((name) => ({ ...pair(name), version: 2 })),
  ); // prettier-ignore
  queue.first("a");
  assert.deepEqual(names(queue), ["a", "c", "b"]);
});

test("asking while a request is under way makes one more", async () => {
  let asked = 0;
  const queue = new QuestionQueue(async () => (asked++, reply()));
  await Promise.all([queue.fill(), queue.fill(), queue.fill()]);
  assert.equal(asked, 2);
});

test("more time is asked for at half of what is left, soon where the clocks differ, and at least every four minutes", () => {
  const at = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(secondsToRenewal("2026-01-01T00:02:00Z", at), 60);
  assert.equal(secondsToRenewal("2026-01-01T02:00:00Z", at), 240);
  assert.equal(secondsToRenewal("2025-01-01T00:00:00Z", at), 20);
  assert.equal(secondsToRenewal("soon", at), 20);
});

test("a lost lease is told once, of the question that is on the screen", async () => {
  let lost = 0;
  const lease = new Lease({ renew: async () => ({ expires_at: null }), onLost: () => lost++ });
  const question = { ...pair("a"), expires_at: new Date(Date.now() + 60_000).toISOString() };
  lease.hold(question);
  await lease.again(question);
  assert.equal(lost, 1);
  lease.hold(pair("answered before"));
  await lease.again(question);
  assert.equal(lost, 1, "it is not on the screen any more");
  lease.drop();
});

test("a renewal without an answer says nothing about the lease", async () => {
  let lost = 0;
  const lease = new Lease({ renew: async () => Promise.reject(new Error("offline")), onLost: () => lost++ });
  const question = { ...pair("a"), expires_at: new Date(Date.now() + 60_000).toISOString() };
  lease.hold(question);
  await lease.again(question);
  assert.equal(lost, 0);
  lease.drop();
});

test("time in another tab does not count", () => {
  let now = 0;
  const time = new VisibleTime(() => now);
  now = 100;
  time.visibility(false);
  now = 5000;
  time.visibility(true);
  now = 5050;
  assert.equal(time.milliseconds(), 150);
});
