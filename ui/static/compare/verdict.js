// What a person can say of a question: the seven steps, both bad, can't judge, a ranking; and how it is put into words.
//
// A verdict is {ranks, strength, both_bad, skipped}. On this page ranks follow the responses as they are shown, 1 best;
// the server has them in the order of the comparison's candidates.

export const SKIP_REASONS = ["language", "expertise", "broken", "unsafe", "unclear", "other"];

const FIRST = [1, 2];
const SECOND = [2, 1];
const EQUAL = [1, 1];

/** The bar from left to right. */
export const SEVEN = [
  { name: "first_much", glyph: "1≫", ranks: FIRST, strength: 3 },
  { name: "first_better", glyph: "1>", ranks: FIRST, strength: 2 },
  { name: "first_slightly", glyph: "1≥", ranks: FIRST, strength: 1 },
  { name: "tie", glyph: "=", ranks: EQUAL, strength: null },
  { name: "second_slightly", glyph: "2≥", ranks: SECOND, strength: 1 },
  { name: "second_better", glyph: "2>", ranks: SECOND, strength: 2 },
  { name: "second_much", glyph: "2≫", ranks: SECOND, strength: 3 },
];

/** The bar where the study does not ask how much better. */
export const THREE = [
  { name: "first", glyph: "1>", ranks: FIRST, strength: null },
  { name: "tie", glyph: "=", ranks: EQUAL, strength: null },
  { name: "second", glyph: "2>", ranks: SECOND, strength: null },
];

const STEPS = Object.fromEntries([...SEVEN, ...THREE].map((step) => [step.name, step]));

export const ofStep = (name) => verdict({ ranks: STEPS[name].ranks, strength: STEPS[name].strength });
export const ofRanks = (ranks) => verdict({ ranks });
export const bothBad = (candidates) => verdict({ ranks: Array(candidates).fill(1), both_bad: true });
export const skipFor = (reason) => verdict({ skipped: reason });

function verdict(values) {
  return { ranks: null, strength: null, both_bad: false, skipped: null, ...values };
}

/** The name of the step that a verdict is, on a bar with or without strength; null where it is none. */
export function stepOf(said, strength) {
  if (!said?.ranks || said.both_bad || said.ranks.length !== 2) return null;
  const [first, second] = said.ranks;
  if (first === second) return "tie";
  const side = first < second ? "first" : "second";
  return strength ? `${side}_${["slightly", "better", "much"][(said.strength ?? 2) - 1]}` : side;
}

/** Ranks in the order of the comparison's candidates, whichever side each was shown on. */
export function toCandidates(ranks, shown) {
  if (ranks === null) return null;
  const turned = [];
  shown.forEach((candidate, place) => (turned[candidate] = ranks[place]));
  return turned;
}

/** Ranks as shown, from those in the candidates' order. */
export function asShown(ranks, shown) {
  return ranks === null ? null : shown.map((candidate) => ranks[candidate]);
}

/** The place, as shown, of the best response; the first of those that tie. */
export function bestPlace(said) {
  return said?.ranks ? said.ranks.indexOf(Math.min(...said.ranks)) : 0;
}

/** A verdict in words. */
export function inWords(words, said) {
  if (said.skipped) return words("say.skipped", { reason: words(`compare.skip.${reasonName(said.skipped)}`) });
  if (said.both_bad) return words(said.ranks.length > 2 ? "say.all_bad" : "say.both_bad");
  if (said.ranks.length > 2) return ranking(said.ranks);
  return words(`step.${stepOf(said, said.strength !== null)}.full`);
}

/** Old studies hold reasons in other words. */
function reasonName(reason) {
  return SKIP_REASONS.includes(reason) ? reason : "other";
}

/** "3 > 1 = 2". */
export function ranking(ranks) {
  const order = ranks.map((_, place) => place).sort((one, other) => ranks[one] - ranks[other] || one - other);
  return order
    .map((place, at) => (at === 0 ? "" : ranks[order[at - 1]] === ranks[place] ? " = " : " > ") + (place + 1))
    .join("");
}
