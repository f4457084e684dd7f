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
  const work = async () => {
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
  // What was sent is under way: it cannot be called off by closing the dialog, and how it ended counts all the same.
  let underWay = null;
  const send = async () => {
    back.disabled = true;
    try {
      await (underWay = work());
    } finally {
      underWay = null;
      back.disabled = false;
    }
  };
  const back = button(words("form.back"), () => dialog.close());
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
          back,
        ),
      ],
      send,
    ),
  );
  const before = document.activeElement;
  dialog.addEventListener("cancel", (event) => underWay && event.preventDefault());
  dialog.addEventListener("close", async () => {
    dialog.remove();
    focusAgain(before, root);
    await Promise.allSettled([underWay]);
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
    focusAgain(before, root);
  });
  root.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Back to what opened a dialog, also where it was drawn anew since. */
function focusAgain(before, root) {
  const name = before?.dataset?.focus;
  const now = before?.isConnected || !name ? before : root.querySelector(`[data-focus="${CSS.escape(name)}"]`);
  if (now?.isConnected) now.focus();
}

function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
