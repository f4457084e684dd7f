// What I am asked: my languages, which I choose; tags and quota, which those who lead the study choose.

import { el, setText } from "../page/elements.js";
import { button, form, manyOf } from "../page/fields.js";
import { languageWords } from "../page/moments.js";
import { doneOrSaid } from "../page/refusals.js";
import { section } from "./section.js";

export function asked({ words, language, send }, mine) {
  const known = [...new Set([...mine.known_languages, ...mine.languages])];
  const options = known.map((code) => [code, languageWords(code, language)]);
  const boxes = manyOf(words("me.languages"), options, mine.languages);
  const said = el("p", { class: "tm-said", role: "status" });
  const failed = el("p", { class: "tm-field-error", role: "alert" });
  const save = async () => {
    setText(said, "");
    const chosen = () => send("/api/me/languages", { languages: boxes.chosen() });
    if (await doneOrSaid(failed, chosen)) setText(said, words("me.saved"));
  };
  const choose =
    known.length === 0
      ? el("p", { class: "tm-empty" }, words("me.languages.none"))
      : form(
          [
            boxes.element,
            el("p", { class: "tm-help" }, words("me.languages.help")),
            failed,
            el("div", { class: "tm-actions" }, button(words("me.languages.save")), said),
          ],
          save,
        );
  const quota = mine.quota === null ? words("me.quota.none") : words("me.quota", { n: mine.quota });
  const tags = mine.tags.length === 0 ? words("me.tags.none") : words("me.tags", { tags: mine.tags.join(", ") });
  return section("asked", words("me.asked"), choose, el("p", {}, quota), el("p", { dir: "auto" }, tags));
}
