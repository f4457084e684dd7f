// Which key means what. Digits, arrows and number pad by place (event.code), letters by what they write (event.key).

const BY_PLACE = {
  ArrowLeft: "first",
  ArrowRight: "second",
  ArrowDown: "tie",
  Digit1: "first",
  Digit2: "second",
  Digit3: "tie",
  Numpad1: "first",
  Numpad2: "second",
  Numpad3: "tie",
  Escape: "close",
};
const BY_LETTER = { b: "both_bad", s: "skip", z: "undo", "?": "keys" };

/** The action of a key press, or null. With `reasons` open, a digit chooses the reason of that number (0 is the first). */
export function actionOf(event, reasons = 0) {
  if (event.repeat || event.isComposing || event.ctrlKey || event.altKey || event.metaKey || isTyping(event))
    return null;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  if (reasons > 0 && digit) return Number(digit[1]) <= reasons ? { reason: Number(digit[1]) - 1 } : null;
  if (event.shiftKey && digit) return BY_LETTER[event.key] ?? null; // "?" may lie on a shifted digit
  return BY_PLACE[event.code] ?? BY_LETTER[event.key?.toLowerCase()] ?? null;
}

/** Whether the press belongs to a field that somebody types or chooses in. */
function isTyping(event) {
  const target = event.composedPath?.()[0] ?? event.target;
  return Boolean(target?.closest?.("input, textarea, select, [contenteditable]"));
}
