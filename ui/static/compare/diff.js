// What one text says that the other does not, word by word.

const MOST_WORDS = 4_000; // of each text: the table below has their product of cells
const MOST_CHARACTERS = 60_000;

// A character of a script that is written without spaces, a word, an emoji with what belongs to it, space, any sign.
const TOKEN =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]\p{M}*|[\p{L}\p{M}\p{N}_]+(?:['’][\p{L}\p{N}]+)*|\p{RI}{2}|\p{Extended_Pictographic}[\p{M}\p{EMod}]*(?:\u200d\p{Extended_Pictographic}[\p{M}\p{EMod}]*)*|\s+|[\s\S]/gu;

/** The words, spaces and signs of a text, in order; together they are the text. */
export function tokens(text) {
  return text.match(TOKEN) ?? [];
}

/**
 * The two texts as runs [{text, only}], `only` where the other text does not have it, by their longest common
 * subsequence of words and signs; null where they are too long.
 */
export function difference(one, other) {
  if (Math.max(one.length, other.length) > MOST_CHARACTERS) return null;
  const both = [tokens(one), tokens(other)];
  const words = both.map((list) => list.filter((token) => token.trim() !== ""));
  if (Math.max(words[0].length, words[1].length) > MOST_WORDS) return null;
  const kept = common(words[0], words[1]);
  return both.map((list, side) => runs(list, kept[side]));
}

/** Which words of each list belong to the longest common subsequence: two lists of booleans. */
export function common(one, other) {
  const kept = [one.map(() => false), other.map(() => false)];
  const keep = (place, otherPlace) => (kept[0][place] = kept[1][otherPlace] = true);
  const shorter = Math.min(one.length, other.length);
  let start = 0;
  while (start < shorter && one[start] === other[start]) keep(start, start++);
  let end = 0;
  while (end < shorter - start && one.at(-1 - end) === other.at(-1 - end)) {
    end++;
    keep(one.length - end, other.length - end);
  }
  between(one, other, start, end, keep);
  return kept;
}

/** The same for what lies between the common start and the common end. */
function between(one, other, start, end, keep) {
  const height = one.length - end - start;
  const width = other.length - end - start;
  const row = width + 1;
  const longest = new Uint16Array((height + 1) * row); // of the rests from (i, j) on
  for (let i = height - 1; i >= 0; i--)
    for (let j = width - 1; j >= 0; j--)
      longest[i * row + j] =
        one[start + i] === other[start + j]
          ? longest[(i + 1) * row + j + 1] + 1
          : Math.max(longest[(i + 1) * row + j], longest[i * row + j + 1]);
  for (let i = 0, j = 0; i < height && j < width; ) {
    if (one[start + i] === other[start + j]) keep(start + i++, start + j++);
    else if (longest[(i + 1) * row + j] >= longest[i * row + j + 1]) i++;
    else j++;
  }
}

/** Tokens as runs of what is common and what is not; a space between two words goes with them where they agree. */
function runs(list, kept) {
  const made = [];
  let space = "";
  let word = 0;
  const add = (text, only) => {
    if (made.at(-1)?.only === only) made.at(-1).text += text;
    else if (text !== "") made.push({ text, only });
  };
  for (const token of list) {
    if (token.trim() === "") {
      space += token;
      continue;
    }
    const only = !kept[word++];
    add(space, made.at(-1)?.only === only ? only : false);
    add(token, only);
    space = "";
  }
  add(space, false);
  return made;
}
