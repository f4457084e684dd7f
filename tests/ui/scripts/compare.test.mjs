// The parts of the compare page that need no browser: keys, the queue of pairs, saving, visible time.

import assert from "node:assert/strict";
import test from "node:test";

const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { actionOf } = await from("compare/keys.js");
const { Answers } = await from("compare/answers.js");
const { QuestionQueue } = await from("compare/question_queue.js");
const { VisibleTime } = await from("compare/visible_time.js");

const press = (code, key = "", more = {}) => ({ code, key, ...more });
const pair = (name) => ({ comparison: name });
const reply = (...names) => ({ state: names.length ? "ready" : "all_done", questions: names.map(pair), progress: {} });

test("arrows, digits and number pad go by place, letters by what they write", () => {
  assert.deepEqual(
    ["ArrowLeft", "Digit2", "Numpad3"].map((code) => actionOf(press(code))),
    ["first", "second", "tie"],
  );
  assert.equal(actionOf(press("KeyW", "z")), "undo", "a French keyboard has Z on W");
  assert.equal(actionOf(press("Slash", "?", { shiftKey: true })), "keys");
  assert.equal(actionOf(press("Digit1", "!", { shiftKey: true })), null);
});

test("keys that belong to something else do nothing", () => {
  for (const more of [{ repeat: true }, { isComposing: true }, { ctrlKey: true }, { altKey: true }, { metaKey: true }])
    assert.equal(actionOf(press("ArrowLeft", "", more)), null);
  const field = { closest: (what) => what.includes("textarea") };
  assert.equal(actionOf(press("Digit1", "1", { composedPath: () => [field] })), null);
});

test("with the reasons open a digit names a reason", () => {
  assert.deepEqual(actionOf(press("Digit3"), 6), { reason: 2 });
  assert.equal(actionOf(press("Digit7"), 6), null);
  assert.equal(actionOf(press("Escape"), 6), "close");
});

test("a pair that was answered is not handed out again by a request that was overtaken", async () => {
  const queue = new QuestionQueue(async () => reply("a", "b", "c"));
  await queue.fill();
  assert.equal(queue.take().comparison, "a");
  queue.close(pair("a"));
  assert.equal(queue.take().comparison, "b");
  await queue.fill();
  assert.deepEqual(
    queue.waiting.map((each) => each.comparison),
    ["c"],
  );
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
  );
});

test("asking while a request is under way makes one more", async () => {
  let asked = 0;
  const queue = new QuestionQueue(async () => (asked++, reply()));
  await Promise.all([queue.fill(), queue.fill(), queue.fill()]);
  assert.equal(asked, 2);
});

function answersThat(send) {
  const kept = new Map();
  const store = {
    getItem: (at) => kept.get(at) ?? null,
    setItem: (at, text) => kept.set(at, text),
    removeItem: (at) => kept.delete(at),
  };
  const waits = [];
  const answers = new Answers({
    send,
    onWait: (reason, left) => waits.push([reason, left]),
    store,
    place: "here",
    seconds: 1,
  });
  return { answers, kept, waits };
}

test("an answer is sent until it is saved, unchanged, and kept meanwhile", async () => {
  const sent = [];
  const { answers, kept, waits } = answersThat(async (answer) => {
    assert.equal(kept.size, 1);
    sent.push(answer);
    if (sent.length < 3) throw { status: 0, passing: true, message: "offline" };
    return "saved";
  });
  assert.equal(await answers.save({ key: "k" }), "saved");
  assert.deepEqual(sent, [{ key: "k" }, { key: "k" }, { key: "k" }]);
  assert.deepEqual(waits, [
    ["offline", 1],
    ["offline", 2],
    ["offline", 1],
  ]);
  assert.equal(answers.kept(), null);
});

test("an answer that is refused for good is not sent again; one that met a locked page is kept", async () => {
  const refused = answersThat(async () => Promise.reject({ status: 409, passing: false }));
  await assert.rejects(refused.answers.save({ key: "k" }));
  assert.equal(refused.kept.size, 0);
  const locked = answersThat(async () => Promise.reject({ status: 401, passing: false }));
  await assert.rejects(locked.answers.save({ key: "k" }));
  assert.deepEqual(locked.answers.kept(), { key: "k" });
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
