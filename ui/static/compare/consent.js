// Before the first question: the information text of the study, and the person's agreement to it.

import { el } from "../page/elements.js";
import { request } from "../page/http.js";
import { showText } from "./views.js";

/** What the state panel shows: {more, actions}. `onAgreed()` goes on, `onFailed(message)` says why it did not work. */
export async function consent(words, language, { onAgreed, onFailed }) {
  const { text } = await request(words, `/api/information?language=${language}`);
  if (text === null) return {};
  const agree = async () => {
    try {
      await request(words, "/api/consent", { version: text.version });
      onAgreed();
    } catch (failure) {
      onFailed(failure.message);
    }
  };
  const more = showText(el("div", { class: "tm-information", tabindex: "0" }), text);
  const button = el(
    "button",
    { type: "button", class: "tm-button tm-primary", onclick: agree },
    words("consent.agree"),
  );
  return { more, actions: [button] };
}
