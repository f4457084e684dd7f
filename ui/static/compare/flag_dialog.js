// A flag: something about this question that those who lead the study should look at, with a note.

import { showDialog } from "../page/dialog.js";
import { el, setText } from "../page/elements.js";
import { newKey, request } from "../page/http.js";

const MOST_NOTE_CHARACTERS = 2000;

/** Ask for a note on the question or on one response; `onSent()` is called once it is stored. */
export function flagDialog(words, root, { question, person, note, onNote, onSent }) {
  const key = newKey(); // sending it twice is harmless
  const places = question.completions.map((_, place) => words("compare.response", { n: place + 1 }));
  const about = el(
    "select",
    { class: "tm-select", id: "tm-flag-about" },
    [words("flag.whole"), ...places].map((name) => el("option", {}, name)),
  );
  const field = el("textarea", {
    class: "tm-area",
    id: "tm-flag-note",
    rows: 4,
    dir: "auto",
    maxlength: MOST_NOTE_CHARACTERS,
  });
  field.value = note;
  field.addEventListener("input", () => onNote(field.value));
  const failed = el("p", { class: "tm-dialog-error", role: "alert" });
  const send = async (event) => {
    event.preventDefault();
    if (field.value.trim() === "") {
      setText(failed, words("flag.empty"));
      return field.focus();
    }
    const place = about.selectedIndex === 0 ? null : about.selectedIndex - 1;
    const body = { comparison: question.comparison, place, note: field.value, key, person };
    try {
      await request(words, "/api/flags", body);
    } catch (failure) {
      return setText(failed, words("flag.failed", { reason: failure.message }));
    }
    onSent();
    return dialog.close();
  };
  const form = el(
    "form",
    { class: "tm-flag", onsubmit: send },
    el("label", { for: "tm-flag-about" }, words("flag.about")),
    about,
    el("label", { for: "tm-flag-note" }, words("flag.note")),
    field,
    failed,
    el("button", { type: "submit", class: "tm-button tm-primary" }, words("flag.send")),
  );
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  const dialog = showDialog(words, root, words("tools.flag"), [form]);
  field.focus();
  return dialog;
}
