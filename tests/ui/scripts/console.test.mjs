// The parts of the console that need no browser: figures, axes, curves, languages.

import assert from "node:assert/strict";
import test from "node:test";

const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { duration, marks, number, percent, signed } = await from("page/figures.js");
const { path } = await from("page/chart.js");
const { chosenLanguage, translator } = await from("page/language.js");

test("what is not a number is a dash", () => {
  assert.deepEqual([number(null), number(NaN), percent(undefined), number(0.125)], ["–", "–", "–", "0.13"]);
  assert.equal(percent(0.684), "68 %");
});

test("what is rounded to nothing has no sign", () => {
  assert.deepEqual([number(-0.001), percent(-0.001), number(-0.006)], ["0.00", "0 %", "-0.01"]);
  assert.deepEqual([0.001, -0.001, 0.5, -0.5, NaN].map(signed), ["0.00", "0.00", "+0.50", "-0.50", "–"]);
});

test("axes have round marks around all values", () => {
  for (const [low, high] of [
    [0, 1],
    [-0.03, 0.41],
    [26.8, 29],
    [5, 5],
    [0, 0],
    [-1e-9, 1e-9],
    [0, 12345],
  ]) {
    const found = marks(low, high);
    assert.ok(found[0] <= low && found.at(-1) >= high, `${low} to ${high}: ${found}`);
    assert.ok(found.length >= 2 && found.length <= 12);
  }
  assert.deepEqual(marks(-0.25, 0.1), [-0.3, -0.2, -0.1, 0, 0.1]);
});

test("a missing value is a gap in the line", () => {
  const same = (value) => value;
  assert.equal(
    path(
      [
        [0, 1],
        [1, 2],
        [2, null],
        [3, 4],
      ],
      same,
      same,
    ),
    "M0.0 1.0L1.0 2.0M3.0 4.0",
  );
});

test("times are in words", () => {
  const words = (key, { n, m }) => `${key.split(".")[1]} ${n}${m === undefined ? "" : ` ${m}`}`;
  assert.deepEqual(
    [12.4, 200, 7000].map((seconds) => duration(words, seconds)),
    ["seconds 12", "minutes 3", "hours 1 57"],
  );
});

test("the language is the one chosen, else the browser's, else English", () => {
  assert.equal(chosenLanguage(["en", "zh"], "zh", ["en-GB"]), "zh");
  assert.equal(chosenLanguage(["en", "zh"], null, ["fr-FR", "zh-Hant-TW"]), "zh");
  assert.equal(chosenLanguage(["en", "zh"], "xx", ["fr"]), "en");
});

test("a text of a value is never taken for a place", () => {
  const words = translator({ greeting: "{a} and {b}, {c}" });
  assert.equal(words("greeting", { a: "{b}", b: "$&" }), "{b} and $&, {c}");
  assert.equal(words("unknown"), "unknown");
});
