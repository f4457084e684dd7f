// What needs no browser of showing texts: the difference of two, a long one in pieces.

import assert from "node:assert/strict";
import test from "node:test";

const from = (path) => import(new URL(`../../../ui/static/${path}`, import.meta.url));
const { common, difference, tokens } = await from("compare/diff.js");
const { inPieces } = await from("page/long_text.js");

/** Both texts, with what only one of them says in brackets. */
const marked = (one, other) =>
  difference(one, other).map((runs) => runs.map(({ text, only }) => (only ? `[${text}]` : text)).join(""));

test("words that only one text has are told from those that both have", () => {
  assert.deepEqual(marked("The cat sat down.", "The dog sat."), ["The [cat] sat [down].", "The [dog] sat."]);
  assert.deepEqual(marked("same here", "same here"), ["same here", "same here"]);
  assert.deepEqual(marked("", "all new"), ["", "[all new]"]);
  assert.deepEqual(marked("a b c d", "b c d e"), ["[a] b c d", "b c d [e]"]);
  assert.deepEqual(marked("it’s fine, don't", "it’s fine"), ["it’s fine[, don't]", "it’s fine"]);
});

test("spaces and lines alone make no difference, and stay as they are", () => {
  assert.deepEqual(marked("a  b\n\nc", "a b c "), ["a  b\n\nc", "a b c "]);
});

test("scripts without spaces are compared character by character, emoji whole", () => {
  assert.deepEqual(marked("今天天气很好", "今天天气不好"), ["今天天气[很]好", "今天天气[不]好"]);
  assert.deepEqual(tokens("👩‍👩‍👧 🇨🇭👍🏽é"), ["👩‍👩‍👧", " ", "🇨🇭", "👍🏽", "é"]);
});

test("the runs of a text are the text, whatever it holds", () => {
  const odd = ["\u202eabc\u202c", "\ud800 half", "Z̷̧a̵l̶g̸o", "\u0000\u200b", "<b>&amp;", "a".repeat(500), "\r\n\t"];
  for (const one of odd)
    for (const other of odd)
      assert.deepEqual(
        difference(one, other).map((runs) => runs.map((run) => run.text).join("")),
        [one, other],
      ); // prettier-ignore
});

test("what is common is a longest common subsequence", () => {
  let seed = 7;
  const draw = (most) => (seed = (seed * 48271) % 2147483647) % most;
  const longest = (one, other) => {
    if (!one.length || !other.length) return 0;
    if (one[0] === other[0]) return 1 + longest(one.slice(1), other.slice(1));
    return Math.max(longest(one.slice(1), other), longest(one, other.slice(1)));
  };
  for (let trial = 0; trial < 200; trial++) {
    const [one, other] = [0, 0].map(() => Array.from({ length: draw(8) }, () => "abc"[draw(3)]));
    const kept = common(one, other);
    const [left, right] = [one, other].map((list, side) => list.filter((_, place) => kept[side][place]));
    assert.deepEqual(left, right);
    assert.equal(left.length, longest(one, other));
  }
});

test("texts that are too long are not compared", () => {
  const words = (number) => Array.from({ length: number }, (_, n) => `w${n}`).join(" ");
  assert.notEqual(difference(words(4_000), words(3_999)), null);
  assert.equal(difference(words(4_001), "short"), null);
  assert.equal(difference("short", "x".repeat(60_001)), null);
});

test("a long text in pieces is the text, cut at lines, else at words, never inside a character", () => {
  const check = (text, most) => {
    const pieces = inPieces(text, most);
    assert.equal(pieces.join(""), text);
    return pieces;
  };
  assert.deepEqual(check("one\ntwo\nthree", 8), ["one\ntwo\n", "three"]);
  assert.deepEqual(check("one two three", 6), ["one ", "two ", "three"]);
  assert.deepEqual(check("😀😀😀", 3), ["😀", "😀", "😀"]);
  assert.deepEqual(check("ae\u0301u", 2), ["a", "e\u0301", "u"]);
  check(`a${"\u0301".repeat(50)}`, 10);
  check("\udc00".repeat(20), 3);
  assert.equal(check("x".repeat(1_000_000), 4_000).length, 250);
  assert.deepEqual(check("", 5), []);
});
