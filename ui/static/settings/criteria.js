// Criteria: what people judge beside which is better; their order, adding one, retiring one.

import { askBack } from "../page/dialog.js";
import { el, foreignText } from "../page/elements.js";
import { button, field, form, textInput } from "../page/fields.js";
import { Remote } from "../page/remote.js";

export class Criteria {
  constructor(page) {
    this.page = page;
    this.remote = new Remote(
      page.words,
      () => page.send("/api/criteria"),
      (answer) => this.draw(answer),
    );
    this.element = el("div", { class: "tm-stack" }, this.remote.element, this.adding());
  }

  open() {
    this.remote.load();
  }

  draw({ criteria }) {
    const { words } = this.page;
    this.failed = el("p", { class: "tm-field-error", role: "alert" });
    if (criteria.length === 0) return [el("p", { class: "tm-empty" }, words("criteria.none")), this.failed];
    const names = criteria.map(({ name }) => name);
    return [
      el("p", { class: "tm-lead" }, words("criteria.about")),
      el(
        "ol",
        { class: "tm-criteria" },
        criteria.map((criterion, place) => this.row(criterion, place, names)),
      ),
      this.failed,
    ];
  }

  row({ name, question }, place, names) {
    const { words } = this.page;
    const step = (to, key) =>
      button(words(`criteria.${key}`), () => this.order(moved(names, place, to)), {
        class: "tm-button tm-slim",
        disabled: to < 0 || to >= names.length,
        "aria-label": words(`criteria.${key}_of`, { name }),
        "data-focus": `${key}-${name}`,
      });
    const retire = button(words("criteria.retire"), () => this.retire(name), {
      class: "tm-button tm-slim tm-danger",
      "aria-label": words("criteria.retire_of", { name }),
      "data-focus": `retire-${name}`,
    });
    return el(
      "li",
      { class: "tm-box tm-criterion" },
      el(
        "div",
        {},
        foreignText(el("p", { class: "tm-criterion-name" }), name),
        foreignText(el("p", { class: "tm-help" }), question),
      ),
      el("div", { class: "tm-actions" }, step(place - 1, "up"), step(place + 1, "down"), retire),
    );
  }

  async order(names) {
    try {
      await this.page.send("/api/criteria/order", { names });
    } catch (failure) {
      if (!("status" in failure)) throw failure;
      this.failed.textContent = failure.message;
      return;
    }
    await this.remote.load();
  }

  async retire(name) {
    const { words, root, send } = this.page;
    const done = await askBack(words, root, {
      title: words("criteria.retire_title", { name }),
      lines: [words("criteria.retire_about")],
      confirm: words("criteria.retire"),
      act: () => send("/api/criteria/retire", { name }),
      danger: true,
    });
    if (done) await this.remote.load();
  }

  adding() {
    const { words, send } = this.page;
    const name = field(words("criteria.name"), textInput({ maxlength: "60" }), words("criteria.name_help"));
    const question = field(
      words("criteria.question"),
      textInput({ maxlength: "300" }),
      words("criteria.question_help"),
    );
    const failed = el("p", { class: "tm-field-error", role: "alert" });
    const said = el("p", { class: "tm-said", role: "status" });
    const add = async () => {
      failed.textContent = said.textContent = "";
      const empty = [name, question].filter((each) => each.input.value.trim() === "");
      for (const each of [name, question]) each.fail(empty.includes(each) ? words("form.needed") : "");
      if (empty.length > 0) return empty[0].input.focus();
      const added = name.input.value.trim();
      try {
        await send("/api/criteria", { name: added, question: question.input.value.trim() });
      } catch (failure) {
        if (!("status" in failure)) throw failure;
        failed.textContent = failure.message;
        return undefined;
      }
      name.input.value = question.input.value = "";
      said.textContent = words("criteria.added", { name: added });
      return this.remote.load();
    };
    return el(
      "section",
      { class: "tm-box", "aria-labelledby": "tm-criteria-add" },
      el("h2", { class: "tm-box-title", id: "tm-criteria-add" }, words("criteria.add_title")),
      form(
        [
          name.element,
          question.element,
          failed,
          el("div", { class: "tm-actions" }, button(words("criteria.add")), said),
        ],
        add,
      ),
    );
  }
}

/** A list with one member at another place. */
export function moved(names, from, to) {
  const left = names.filter((_, place) => place !== from);
  return [...left.slice(0, to), names[from], ...left.slice(to)];
}
