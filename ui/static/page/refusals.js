// What the server refuses, said where it was asked for.

import { el, setText } from "./elements.js";

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

/** The way back in for somebody whose session has ended; nothing where `failure` is something else. */
export function wayIn(words, failure) {
  if (failure.code !== "log_in") return [];
  const href = `/login?next=${encodeURIComponent(location.pathname)}`;
  return [" ", el("a", { class: "tm-inline-link", href, "data-focus": "login" }, words("state.to.login"))];
}

/** Say in a notice what a request failed with, with a way back in; the same as before is not spoken again. */
export function sayFailure(notice, words, failure) {
  const outside = failure.status === 401;
  const said = outside ? failure.message : words("console.no_answer", { reason: failure.message });
  const nodes = [said, ...wayIn(words, failure)];
  const text = nodes.map((node) => node.textContent ?? node).join("");
  if (notice.textContent !== text) notice.replaceChildren(...nodes);
  notice.hidden = false;
}
