// What the server refuses, said where it was asked for.

import { setText } from "./elements.js";

/** Do something; what is refused is said in `node`. Resolves to whether it was done. A fault of ours goes on as one. */
export async function doneOrSaid(node, act) {
  setText(node, "");
  try {
    await act();
    return true;
  } catch (failure) {
    if (!("status" in failure)) throw failure;
    setText(node, failure.message);
    return false;
  }
}
