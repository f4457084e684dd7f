// Exporting a policy: in which form, and whose licences stand on its card; the run that writes it is shown then.

import { askBack } from "../page/dialog.js";
import { el } from "../page/elements.js";
import { button, choice, field, textInput } from "../page/fields.js";

const FORMS = ["adapter", "adapter-with-base", "merged"];
const LICENCES = ["data_licence", "base_licence"];

/** `onHub`: whether the base lies on the hub, so that an adapter alone is enough for others. */
export function exportButton(tools, name, onHub) {
  const { words, root, ask } = tools;
  const act = async () => {
    const forms = FORMS.filter((one) => onHub || one !== "adapter");
    const form = choice(
      forms.map((one) => [one, words(`policies.export.format.${one}`)]),
      forms[0],
    );
    const help = words(onHub ? "policies.export.format_help" : "policies.export.format_no_hub");
    const licences = LICENCES.map((key) => [key, textInput({ maxlength: "200" })]);
    let run = null;
    const lines = [
      words("policies.export.about"),
      field(words("policies.export.format"), form, help).element,
      el("h3", { class: "tm-box-title" }, words("data.export.licences")),
      ...licences.map(([key, input]) => {
        return field(words(`data.export.${key}`), input, words("data.export.licence_help")).element;
      }),
    ];
    const done = await askBack(words, root, {
      title: words("policies.export.title", { name }),
      lines,
      confirm: words("policies.export"),
      act: async () => {
        const said = licences.map(([key, input]) => [key, input.value.trim() || null]);
        const settings = { policy: name, format: form.value, ...Object.fromEntries(said) };
        run = await ask("/api/runs", { kind: "policy-export", settings });
      },
    });
    if (done) location.assign(`/runs#${run.id}`);
  };
  return button(words("policies.export"), act, {
    class: "tm-button tm-slim",
    "aria-label": words("policies.export.title", { name }),
    "data-focus": `export-${name}`,
  });
}
