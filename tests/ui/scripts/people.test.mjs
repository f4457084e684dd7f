// What needs no browser of the people page: figures as words, and what an address asks for.

import assert from "node:assert/strict";
import test from "node:test";

const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { measured, query, reliabilityNote, reliance, share } = await from("people/figures.js");
const { wanted, within } = await from("page/tabs.js");

/** Words as their key and what is put into them. */
const words = (key, values) => `${key} ${Object.values(values).join(" ")}`;

test("a share is never without its count, and nothing counted is no share", () => {
  assert.equal(share(words, [1, 1]), "people.share 1 1 100");
  assert.equal(share(words, [12, 15]), "people.share 12 15 80");
  assert.equal(share(words, [0, 3]), "people.share 0 3 0");
  assert.equal(share(words, [0, 0]), "–");
});

test("a measure comes with its interval where it has one", () => {
  assert.equal(measured(words, { value: 0.625, low: 0.5, high: 0.7 }), "people.interval 0.63 0.50 0.70");
  assert.equal(measured(words, { value: 0, low: null, high: null }), "0.00");
  assert.equal(measured(words, { value: null, low: null, high: null }), "–");
});

test("reliability is told with its interval, in words where it is hardly known, and who learned it", () => {
  const known = { value: 0.85, low: 0.74, high: 0.93, wide: false };
  const said = (key, values = {}) => words(key, values).trim();
  assert.equal(reliance(said, known), "people.interval 0.85 0.74 0.93");
  assert.equal(reliance(said, { ...known, wide: true }), "people.too_few");
  assert.equal(reliance(said, null), "–");
  assert.equal(reliabilityNote(said, { reliability_by: "reward-2" }), "people.reliability_by reward-2");
  assert.equal(reliabilityNote(said, { reliability_by: null }), "people.reliability_none");
});

test("what is not chosen is not asked for, and zero is chosen", () => {
  const asked = query({ search: "a&b=c 中", state: "", descending: false, page: 0, size: 25, sort: null });
  assert.deepEqual(
    [...new URLSearchParams(asked)],
    [
      ["search", "a&b=c 中"],
      ["page", "0"],
      ["size", "25"],
    ],
  ); // prettier-ignore
});

test("an address names a tab and what stands in it; what cannot be read is nothing", () => {
  const names = ["people", "flags"];
  assert.deepEqual([wanted("#flags", names), wanted("#people/7", names)], ["flags", "people"]);
  assert.deepEqual([wanted("", names), wanted("#nothing", names)], ["people", "people"]);
  assert.deepEqual([within("#people/7"), within("#people"), within("#people/")], ["7", null, null]);
  assert.deepEqual([within("#people/a%2Fb"), within("#people/%E0%A4%")], ["a/b", null]);
});
