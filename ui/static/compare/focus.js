// The focus is never lost: where what had it is gone or hidden, it goes to what stands in its place.

/** Give the focus to `target` where nothing that is seen has it. */
export function keepFocus(target) {
  const now = document.activeElement;
  if (now === null || now === document.body || now.getClientRects().length === 0) target.focus({ preventScroll: true });
}
