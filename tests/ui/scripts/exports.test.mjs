// How a started export is followed until it has ended.

import assert from "node:assert/strict";
import test from "node:test";

const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { RequestFailed } = await from("page/http.js");
const { Exports } = await from("policies/exports.js");

test("a run is asked for again where there was no answer, and no more where asking cannot help", async (t) => {
  t.mock.method(globalThis, "setTimeout", (act) => queueMicrotask(act));
  const answers = [new RequestFailed(0, "no answer"), new RequestFailed(404, "There is no run 7.")];
  const said = [];
  const page = {
    alive: () => answers.length > 0,
    ask: () => Promise.reject(answers.shift()),
    said: { append: (...texts) => said.push(...texts) },
    follow: Exports.prototype.follow,
  };
  await page.follow(7, { isConnected: true });
  assert.deepEqual(answers, []);
  assert.deepEqual(said, [" ", "There is no run 7."]);
});
