// What needs no browser of the page data: what an address asks for, sizes, counts and verdicts in words.

import assert from "node:assert/strict";
import test from "node:test";

globalThis.document = { documentElement: { lang: "en" } };
const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { filtersOf, hashOf } = await from("page/address.js");
const { wanted, within } = await from("page/tabs.js");
const { bytesWords, kindsWords, reasonWords } = await from("data/words_of.js");
const { sideWords, verdictWords } = await from("data/pieces.js");

/** Words as their key and what is put into them. */
const words = (key, values = {}) => [key, ...Object.values(values)].join(" ");

test("an address leads to a tab, one of its rows, and its filters, in any mixture", () => {
  const names = ["import", "judgments"];
  assert.equal(wanted("#judgments?round=2", names), "judgments");
  assert.equal(wanted("#judgments/12?round=2", names), "judgments");
  assert.equal(wanted("#other?round=2", names), "import");
  assert.equal(within("#judgments/12?round=2/3"), "12");
  assert.equal(within("#judgments?round=2/3"), null);
  assert.deepEqual(filtersOf("#judgments?round=2&who=%E4%B8%AD"), { round: "2", who: "中" });
  assert.deepEqual(filtersOf("#judgments"), {});
  assert.equal(hashOf("judgments", { round: "2", who: "", search: undefined }), "#judgments?round=2");
  assert.equal(hashOf("judgments", {}), "#judgments");
  assert.deepEqual(filtersOf(hashOf("prompts", { search: "50% & more?#" })), { search: "50% & more?#" });
});

test("sizes and counts are read at a glance, and nothing counted is nothing said", () => {
  assert.equal(bytesWords(words, 999), "data.bytes 999");
  assert.equal(bytesWords(words, 1000), "1.0 kB");
  assert.equal(bytesWords(words, 999_960), "1.0 MB");
  assert.equal(bytesWords(words, 2_500_000_000_000), "2500.0 GB");
  assert.equal(
    kindsWords(words, { judgment: 3, prompt: 1, completion: 0 }),
    "data.kind.prompt 1 and data.kind.judgment 3",
  );
  assert.equal(kindsWords(words, {}), "");
});

test("reasons are told in one's language where they are known, else as they came", () => {
  const tools = { words, has: (key) => key === "data.reason.filter_split" };
  assert.equal(reasonWords(tools, "filter: split"), "data.reason.filter_split");
  assert.equal(reasonWords(tools, "odd <one>"), "odd <one>");
});

test("a verdict says which text, how much better, and how it stood", () => {
  const said = (fields) =>
    verdictWords(words, { verdict: "decided", ranks: [2, 1], strength: null, skipped: null, ...fields });
  assert.equal(said({}), "data.verdict.prefers 2");
  assert.equal(said({ ranks: [1, 2], strength: 3 }), "data.verdict.prefers 1 (data.strength.3)");
  assert.equal(said({ ranks: [2, 1, 2] }), "data.verdict.ranking 2, 1, 2");
  assert.equal(said({ verdict: "tie", ranks: [1, 1] }), "data.verdict.tie");
  const skipped = (reason) => said({ verdict: "skipped", ranks: null, skipped: reason });
  assert.equal(skipped("unsafe"), "data.verdict.skipped_why compare.skip.unsafe");
  assert.equal(skipped("of another program"), "data.verdict.skipped_why of another program");
  assert.equal(sideWords(words, { shown: [1, 0] }), "2, 1");
  assert.equal(sideWords(words, { shown: null }), "–");
});
