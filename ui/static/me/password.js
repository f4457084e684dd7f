// Changing one's password.

import { el, setText } from "../page/elements.js";
import { button, field, form, textInput } from "../page/fields.js";
import { request } from "../page/http.js";
import { section } from "./section.js";

// Which field an answer's code is about.
const ABOUT = { wrong: "old", wrong_old: "old", throttled: "old" };

export function password({ words, language, changed }, mine) {
  const secret = (autocomplete) => textInput({ type: "password", autocomplete, maxlength: "1000", required: true });
  const fields = {
    old: field(words("me.password.old"), secret("current-password")),
    new: field(
      words("me.password.new"),
      secret("new-password"),
      words("door.password_hint", { count: mine.shortest_password }),
    ),
    twice: field(words("door.password_again"), secret("new-password")),
  };
  const said = el("p", { class: "tm-said", role: "status" });
  const refuse = (name, text) => {
    fields[name].fail(text);
    fields[name].input.focus();
  };
  const save = async () => {
    setText(said, "");
    for (const each of Object.values(fields)) each.fail("");
    const empty = Object.keys(fields).find((name) => fields[name].input.value === "");
    if (empty) return refuse(empty, words("form.needed"));
    if (fields.new.input.value !== fields.twice.input.value) return refuse("twice", words("door.error.differ"));
    try {
      const body = { old: fields.old.input.value, new: fields.new.input.value };
      await request(words, `/api/password?language=${language}`, body);
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      return refuse(ABOUT[failure.code] ?? "new", failure.message);
    }
    for (const each of Object.values(fields)) each.input.value = "";
    setText(said, words("me.password.changed"));
    return changed();
  };
  return section(
    "password",
    words("me.password"),
    form(
      [
        ...Object.values(fields).map((each) => each.element),
        el("div", { class: "tm-actions" }, button(words("me.password.change")), said),
      ],
      save,
    ),
  );
}
