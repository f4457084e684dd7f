// Taking part: the text that I agreed to, leaving the study, what became of that, and coming back.

import { askBack, showDialog } from "../page/dialog.js";
import { el, foreignText, renderedText } from "../page/elements.js";
import { button } from "../page/fields.js";
import { request } from "../page/http.js";
import { dayWords, momentWords } from "../page/moments.js";
import { Remote } from "../page/remote.js";
import { section } from "./section.js";

export function takingPart(page, mine) {
  const { words } = page;
  return section(
    "taking-part",
    words("me.part"),
    ...(mine.withdrawn ? [became(page, mine)] : [agreement(page, mine), leave(page)]),
  );
}

function agreement({ words, language, root }, mine) {
  if (mine.text === null) return el("p", {}, words("me.part.no_text"));
  const said =
    mine.agreed === null
      ? words("me.part.not_agreed", { version: mine.text })
      : words("me.part.agreed", { version: mine.agreed.version, day: dayWords(mine.agreed.at.slice(0, 10), language) });
  const newer = mine.agreed !== null && mine.agreed.version < mine.text;
  return el(
    "div",
    {},
    el("p", {}, said),
    newer ? el("p", {}, words("me.part.newer", { version: mine.text })) : null,
    el(
      "div",
      { class: "tm-actions" },
      button(words("me.part.read"), () => read(words, language, root), { "data-focus": "read" }),
    ),
  );
}

/** The text as it is now, in a dialog. */
function read(words, language, root) {
  const text = information(words, language);
  showDialog(words, root, words("me.part.text"), [text.element]);
  text.load();
}

function information(words, language) {
  return new Remote(
    words,
    () => request(words, `/api/information?language=${language}`),
    ({ text }) => {
      if (text === null) return el("p", {}, words("me.part.no_text"));
      const node = el("div", { class: "tm-information", tabindex: "0" });
      return text.html === null ? foreignText(node, text.text) : renderedText(node, text.html);
    },
  );
}

function leave({ words, root, send, again }) {
  const lines = ["used", "words", "trained", "back"].map((name) => words(`me.leave.${name}`));
  const ask = async () => {
    const done = await askBack(words, root, {
      title: words("me.leave.title"),
      lines,
      confirm: words("me.leave.confirm"),
      act: () => send("/api/me/withdraw"),
      danger: true,
    });
    if (done) await again();
  };
  return el(
    "div",
    { class: "tm-me-leave" },
    el("p", {}, words("me.leave.about")),
    el("div", { class: "tm-actions" }, button(words("me.leave"), ask, { class: "tm-button tm-danger" })),
  );
}

function became(page, mine) {
  const { words, language } = page;
  const found = new Remote(
    words,
    () => request(words, "/api/me/withdrawal"),
    (answer) => (answer.at === null ? el("p", {}, words("me.left.not")) : outcome(page, mine, answer)),
  );
  found.load();
  return el("div", {}, found.element);

  function outcome(all, { text }, answer) {
    return el(
      "div",
      { class: "tm-me-left" },
      el("p", { class: "tm-me-state" }, words("me.left", { at: momentWords(answer.at, language) })),
      el("p", {}, words("me.left.words", { n: answer.counts.judgments + answer.counts.flags })),
      trained(words, answer),
      answer.old_copies > 0 ? el("p", {}, words("me.left.copies", { n: answer.old_copies })) : null,
      answer.bytes_left ? el("p", {}, words("me.left.bytes")) : null,
      comeBack(all, text),
    );
  }
}

function trained(words, { reward_models, policies }) {
  const names = [...reward_models, ...policies];
  if (names.length === 0) return el("p", {}, words("me.left.untrained"));
  return el(
    "div",
    {},
    el("p", {}, words("me.left.trained")),
    el(
      "ul",
      { class: "tm-me-trained" },
      names.map((name) => el("li", {}, name)),
    ),
  );
}

function comeBack({ words, language, root, again }, version) {
  const ask = async () => {
    const text = version === null ? null : information(words, language);
    text?.load();
    const done = await askBack(words, root, {
      title: words("me.back.title"),
      lines: [words("me.back.about"), ...(text ? [text.element] : [])],
      confirm: words(text ? "consent.agree" : "me.back"),
      act: () => request(words, "/api/consent", { version }),
    });
    if (done) await again();
  };
  return el("div", { class: "tm-actions" }, button(words("me.back"), ask));
}
