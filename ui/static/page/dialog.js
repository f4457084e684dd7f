// Asking back before something is done: a dialog with what it means in words.

import { el } from "./elements.js";
import { button, field, form, textInput } from "./fields.js";

/**
 * Ask whether to do something. `act(text)` does it and may reject: its words are shown, and the dialog stays.
 * `reason`: label of a text that is asked for as well. Resolves to whether it was done.
 */
export function askBack(words, root, { title, lines = [], confirm, act, reason = null, danger = false }) {
  const asked = reason ? field(reason, textInput({ maxlength: "500", required: true })) : null;
  const failed = el("p", { class: "tm-field-error", role: "alert" });
  const answer = Promise.withResolvers ? Promise.withResolvers() : deferred();
  let done = false;
  const send = async () => {
    failed.textContent = "";
    const text = asked?.input.value.trim();
    if (asked && !text) {
      asked.fail(words("form.needed"));
      asked.input.focus();
      return;
    }
    try {
      await act(text);
      done = true;
      dialog.close();
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      failed.textContent = failure.message;
    }
  };
  const dialog = el(
    "dialog",
    { class: "tm-dialog", "aria-labelledby": "tm-dialog-title" },
    el("h2", { class: "tm-box-title", id: "tm-dialog-title" }, title),
    lines.map((line) => (typeof line === "string" ? el("p", {}, line) : line)),
    form(
      [
        asked?.element ?? null,
        failed,
        el(
          "div",
          { class: "tm-actions" },
          button(confirm, null, { class: danger ? "tm-button tm-danger" : "tm-button tm-primary" }),
          button(words("form.back"), () => dialog.close()),
        ),
      ],
      send,
    ),
  );
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
    answer.resolve(done);
  });
  root.append(dialog);
  dialog.showModal();
  return answer.promise;
}

/** A dialog that shows something until it is closed. */
export function showDialog(words, root, title, nodes) {
  const dialog = el(
    "dialog",
    { class: "tm-dialog tm-dialog-wide", "aria-labelledby": "tm-dialog-title" },
    el("h2", { class: "tm-box-title", id: "tm-dialog-title" }, title),
    nodes,
    el(
      "div",
      { class: "tm-actions" },
      button(words("form.close"), () => dialog.close()),
    ),
  );
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
  });
  root.append(dialog);
  dialog.showModal();
  return dialog;
}

function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
