// Which key means what. Digits, arrows and number pad by place (event.code), letters by what they write (event.key).

import { SEVEN, THREE } from "./verdict.js";

const ARROWS = { ArrowLeft: "first", ArrowRight: "second", ArrowDown: "tie" };
const BY_CODE = { Escape: "close", Enter: "enter", NumpadEnter: "enter" };
const BY_LETTER = {
  b: "both_bad",
  s: "skip",
  z: "undo",
  f: "flag",
  n: "rationale",
  e: "improve",
  c: "criteria",
  m: "view",
  g: "guidelines",
  p: "pause",
  l: "answers",
  "?": "keys",
};

/**
 * The action of a key press, or null.
 * `asked` is {candidates, strength, reasons}; with `reasons` (their number, 0 while they are closed) a digit names one.
 * Actions are words, {step} of the bar, {rank} of a response on the board, or {reason}; places count from 0.
 */
export function actionOf(event, asked) {
  if (event.repeat || event.isComposing || event.ctrlKey || event.altKey || event.metaKey || isTyping(event))
    return null;
  const digit = Number(/^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1] ?? 0);
  const shiftedDigit = event.shiftKey && event.code?.startsWith("Digit"); // "?" and "=" may lie on a shifted digit
  if (digit && !shiftedDigit) return ofDigit(digit, asked);
  if (asked.candidates > 2 && event.key === "=") return "rank_tie";
  if (asked.candidates > 2 && event.code === "Backspace") return "rank_back";
  if (event.code in ARROWS) return ofArrow(ARROWS[event.code], asked);
  return BY_CODE[event.code] ?? BY_LETTER[event.key?.toLowerCase()] ?? null;
}

function ofDigit(digit, { candidates, strength, reasons }) {
  if (reasons > 0) return digit <= reasons ? { reason: digit - 1 } : null;
  if (candidates > 2) return digit <= candidates ? { rank: digit - 1 } : null;
  const steps = strength ? SEVEN.map((step) => step.name) : ["first", "second", "tie"];
  return digit <= steps.length ? { step: steps[digit - 1] } : null;
}

/** An arrow means "better", strength 2; on a board arrows scroll. */
function ofArrow(name, { candidates, strength, reasons }) {
  if (candidates > 2 || reasons > 0) return null;
  return { step: strength && name !== "tie" ? `${name}_better` : name };
}

/** The keys of each answer, to be shown on the buttons. */
export function keysOfSteps(strength) {
  const arrow = { first: "←", second: "→", first_better: "←", second_better: "→", tie: "↓" };
  const steps = strength ? SEVEN : THREE;
  const digits = strength ? [1, 2, 3, 4, 5, 6, 7] : [1, 3, 2];
  return Object.fromEntries(
    steps.map(({ name }, place) => [name, [String(digits[place]), arrow[name]].filter(Boolean)]),
  );
}

/** Whether a press is Escape in a field: it leaves the field, and the keys mean answers again. */
export function leavesField(event) {
  return event.code === "Escape" && !event.isComposing && isTyping(event);
}

/** Whether a press belongs to a button or link, which Enter presses. */
export function isControl(event) {
  return Boolean(event.target?.closest?.("button, a, summary"));
}

/** Whether the press belongs to a field that somebody types or chooses in. */
function isTyping(event) {
  const target = event.composedPath?.()[0] ?? event.target;
  return Boolean(target?.closest?.("input, textarea, select, [contenteditable]"));
}
