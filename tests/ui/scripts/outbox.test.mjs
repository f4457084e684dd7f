// How answers travel: kept first, in order, once, under the right name; drafts; the time of a round trip.

import assert from "node:assert/strict";
import test from "node:test";

const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { Drafts } = await from("compare/drafts.js");
const { Outbox } = await from("compare/outbox.js");
const { QuestionQueue } = await from("compare/question_queue.js");
const { RoundTrip } = await from("compare/round_trip.js");
const { oneTabAtATime } = await from("compare/turn.js");

const OFFLINE = { status: 0, passing: true, message: "offline" };
const pause = (milliseconds = 0) => new Promise((resolve) => setTimeout(resolve, milliseconds));

class Storage {
  constructor(room = Infinity) {
    this.kept = new Map();
    this.room = room;
  }
  get length() {
    return this.kept.size;
  }
  key(place) {
    return [...this.kept.keys()][place] ?? null;
  }
  getItem(name) {
    return this.kept.get(name) ?? null;
  }
  setItem(name, text) {
    if (this.kept.size >= this.room) throw new Error("QuotaExceededError");
    this.kept.set(name, text);
  }
  removeItem(name) {
    this.kept.delete(name);
  }
}

/** Locks as the browser has them, shared by the tabs of a test. */
function browserLocks() {
  let last = Promise.resolve();
  return { request: (name, work) => (last = last.catch(() => {}).then(work)) };
}

function outboxThat(send, { storage = new Storage(), place = "study:ann", locks = browserLocks() } = {}) {
  const seen = { waits: [], states: [], events: [] };
  const outbox = new Outbox({
    send,
    storage,
    place,
    locks,
    seconds: 1,
    onWait: (reason, left) => seen.waits.push([reason, left]),
    onState: (state, event) => {
      seen.states.push(state);
      if (event) seen.events.push(event.kind);
    },
  });
  return { outbox, storage, seen };
}

const answer = (key, comparison = key) => ({ key, comparison });
const until = async (condition) => {
  for (let tries = 0; tries < 500 && !condition(); tries++) await pause(2);
  assert.ok(condition(), "what was waited for did not happen");
};

test("saved is said after the server said so, and what waits is in the storage meanwhile", async () => {
  const { outbox, storage } = outboxThat(async () => {
    assert.equal([...storage.kept.keys()].filter((name) => name.includes("outbox")).length, 1);
    return { late: true, feedback: { right: true } };
  });
  assert.deepEqual(await outbox.save(answer("k")), { mode: "saved", late: true, feedback: { right: true } });
  assert.equal(outbox.waiting, 0);
  assert.equal(storage.kept.size, 0);
});

test("a slow save is not waited for; it is kept and sent behind the person's back", async () => {
  let release;
  const gate = new Promise((resolve) => (release = resolve));
  const { outbox, seen } = outboxThat(() => gate);
  assert.equal((await outbox.save(answer("k"))).mode, "optimistic");
  assert.equal(outbox.waiting, 1);
  assert.deepEqual(seen.events, []);
  release({});
  await until(() => outbox.waiting === 0);
  assert.deepEqual(seen.events, ["saved"]);
});

test("where feedback is needed the reply is waited for", async () => {
  const { outbox } = outboxThat(async () => (await pause(90), { feedback: { right: false } }));
  const { mode, feedback } = await outbox.save(answer("k"), { wait: true });
  assert.deepEqual([mode, feedback], ["saved", { right: false }]);
});

test("a lost network: one answer is sent until it is saved, unchanged, and the rest follow in order", async () => {
  const sent = [];
  let online = false;
  const { outbox, seen } = outboxThat(async ({ key }) => {
    sent.push(key);
    if (!online) throw OFFLINE;
    return {};
  });
  for (const key of ["a", "b", "c"]) outbox.save(answer(key));
  await until(() => seen.states.some((state) => state.trouble === "offline" && state.waiting === 3));
  assert.equal((await outbox.save(answer("d"))).mode, "optimistic", "nobody waits for a network that is not there");
  await until(() => seen.waits.length > 3);
  assert.deepEqual(new Set(sent), new Set(["a"]));
  online = true;
  await until(() => outbox.waiting === 0);
  assert.deepEqual(sent.slice(sent.lastIndexOf("a")), ["a", "b", "c", "d"]);
  assert.deepEqual(seen.waits[0], ["offline", 1]);
  assert.equal(seen.states.at(-1).trouble, null);
});

test("what a killed tab left is sent by the next one", async () => {
  const { outbox, storage } = outboxThat(() => new Promise(() => {}));
  for (const key of ["a", "b"]) await outbox.save(answer(key));
  const sent = [];
  const next = outboxThat(async ({ key }) => (sent.push(key), {}), { storage }).outbox;
  assert.deepEqual([...next.comparisons], ["a", "b"]);
  next.start();
  await until(() => next.waiting === 0);
  assert.deepEqual(sent, ["a", "b"]);
});

test("another person's outbox in the same browser is not touched", async () => {
  const storage = new Storage();
  const ann = outboxThat(async () => Promise.reject({ status: 401, passing: false }), { storage });
  await assert.rejects(ann.outbox.save(answer("hers")), { status: 401 });
  const sent = [];
  const bob = outboxThat(async ({ key }) => (sent.push(key), {}), { storage, place: "study:bob" }).outbox;
  bob.start();
  await bob.save(answer("his"));
  assert.deepEqual(sent, ["his"]);
  assert.equal(ann.outbox.waiting, 1);
});

test("a page whose person is logged out, or is another one, keeps the answers and stops", async () => {
  for (const failure of [
    { status: 401, passing: false },
    { status: 409, code: "other_person", passing: false },
  ]) {
    const sent = [];
    const { outbox, seen } = outboxThat(async ({ key }) => (sent.push(key), Promise.reject(failure)));
    await assert.rejects(outbox.save(answer("a")), failure);
    await pause(30);
    assert.deepEqual([sent, outbox.waiting, outbox.refused], [["a"], 1, []]);
    assert.equal(seen.states.at(-1).trouble, failure.code ?? "locked");
  }
});

test("what is refused for good is put aside with the reason and can be sent again", async () => {
  let open = false;
  const { outbox, seen } = outboxThat(async ({ key }) => {
    if (key === "bad" && !open) throw { status: 409, code: "asked_changed", passing: false, message: "changed" };
    return {};
  });
  await assert.rejects(outbox.save(answer("bad")), { code: "asked_changed" });
  assert.equal((await outbox.save(answer("good"))).mode, "saved");
  assert.deepEqual(seen.events, ["refused", "saved"]);
  const [refused] = outbox.refused;
  assert.deepEqual([refused.answer.key, refused.reason, refused.code], ["bad", "changed", "asked_changed"]);
  open = true;
  outbox.sendAgain("bad");
  await until(() => outbox.waiting === 0);
  assert.deepEqual(outbox.refused, []);
});

test("an answer at which the server breaks holds back only later answers to the same comparison", async () => {
  const saved = [];
  let broken = true;
  const { outbox } = outboxThat(async ({ key }) => {
    if (key === "a1" && broken) throw { status: 500, passing: true, message: "error" };
    saved.push(key);
    return {};
  });
  for (const [key, comparison] of [
    ["a1", "a"],
    ["a2", "a"],
    ["b", "b"],
  ])
    outbox.save(answer(key, comparison)); // prettier-ignore
  await until(() => saved.length === 1);
  assert.deepEqual(saved, ["b"]);
  broken = false;
  await until(() => outbox.waiting === 0);
  assert.deepEqual(saved, ["b", "a1", "a2"]);
});

for (const [name, locks] of [
  ["locks", browserLocks()],
  ["a lease in the storage", null],
]) // prettier-ignore
  test(`two tabs with ${name} send each answer once, and each hears of its own`, async () => {
    const storage = new Storage();
    const sent = [];
    const send = async ({ key }) => (await pause(3), sent.push(key), {});
    const tabs = [1, 2].map(() => outboxThat(send, { storage, locks }).outbox);
    const done = await Promise.all(
      Array.from({ length: 10 }, (_, n) => tabs[n % 2].save(answer(`k${n}`), { wait: true })),
    );
    assert.deepEqual(new Set(done.map(({ mode }) => mode)), new Set(["saved"]));
    assert.equal(sent.length, 10);
    assert.deepEqual(new Set(sent).size, 10);
    assert.equal(storage.kept.size, 0);
  });

test("a tab that died with the lease holds the others up no longer than the lease", async () => {
  const storage = new Storage();
  let now = 1_000;
  const dead = oneTabAtATime("lease", storage, null, () => now);
  dead(() => new Promise(() => {}));
  const next = oneTabAtATime("lease", storage, null, () => now);
  let ran = false;
  const running = next(async () => (ran = true));
  await pause(70);
  assert.equal(ran, false);
  now += 20_001;
  await running;
  assert.equal(ran, true);
});

test("a full storage makes the page wait for the save: nothing that is only in memory is shown as done", async () => {
  const { outbox } = outboxThat(async () => (await pause(90), {}), { storage: new Storage(0) });
  assert.equal((await outbox.save(answer("k"))).mode, "saved");
});

test("the order of answers survives a clock that is put back", async () => {
  const { outbox, storage } = outboxThat(() => new Promise(() => {}));
  outbox.kept.clock = () => 2_000;
  outbox.save(answer("a"));
  const { outbox: other } = outboxThat(() => new Promise(() => {}), { storage });
  other.kept.clock = () => 1_000;
  other.save(answer("b"));
  assert.deepEqual(
    outbox.kept.waiting().map((each) => each.answer.key),
    ["a", "b"],
  ); // prettier-ignore
});

test("a link is slow above 60 ms and fast again below 45, by the median of the last few", () => {
  const trip = new RoundTrip();
  assert.equal(trip.slow, false);
  const after = (...times) => (times.forEach((time) => trip.note(time)), trip.slow);
  assert.equal(after(20, 20, 400), false, "one answer that took long says nothing");
  assert.equal(after(...Array(9).fill(61)), true);
  assert.equal(after(...Array(9).fill(50)), true, "between the two it stays as it was");
  assert.equal(after(...Array(9).fill(44)), false);
  assert.equal(after(...Array(9).fill(50)), false);
});

test("pairs whose answers are on their way are not handed out, and do not make the others fewer", async () => {
  const all = Array.from({ length: 20 }, (_, n) => ({ comparison: `c${n}` }));
  const asked = [];
  const fetch = async (limit) => (asked.push(limit), { state: "ready", questions: all.slice(0, limit), progress: {} });
  const queue = new QuestionQueue(fetch, () => {}, { pending: () => new Set(["c0", "c2"]) });
  await queue.fill();
  assert.deepEqual([asked, queue.waiting.map((each) => each.comparison)], [[5], ["c1", "c3", "c4"]]);
  const many = new QuestionQueue(fetch, () => {}, { pending: () => all.slice(0, 9).map((each) => each.comparison) });
  await many.fill();
  assert.deepEqual([asked.at(-1), many.waiting.map((each) => each.comparison)], [10, ["c9"]]);
});

test("drafts are kept for each person, the newest of them, for two weeks", () => {
  const storage = new Storage();
  let now = 0;
  const drafts = new Drafts(storage, "study:ann", () => now);
  drafts.keep("a", { rationale: "because" });
  assert.deepEqual(drafts.of("a"), { rationale: "because" });
  assert.equal(new Drafts(storage, "study:bob", () => now).of("a"), null);
  for (let n = 0; n < 60; n++) drafts.keep(`c${n}`, { n: ++now });
  assert.equal(drafts.of("a"), null);
  assert.deepEqual(drafts.of("c59"), { n: 60 });
  assert.equal(storage.kept.size, 50);
  drafts.keep("large", "x".repeat(999_500));
  assert.equal(drafts.of("c11"), null, "the oldest make room");
  assert.notEqual(drafts.of("large"), null);
  drafts.drop("large");
  drafts.keep("b", 1);
  now += 15 * 24 * 3_600_000;
  assert.equal(new Drafts(storage, "study:ann", () => now).of("b"), null);
  storage.kept.set("tastemaker:draft:study:ann:odd", "{");
  assert.equal(drafts.of("odd"), null);
});
