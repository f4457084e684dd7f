// Keys that the compare page puts together: each has its words in the first language (the others have the same keys).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const url = (path) => new URL(`../../../ui/static/${path}`, import.meta.url);
const from = (path) => import(url(path));
const { keysFor } = await from("compare/keys_dialog.js");
const { SEVEN, SKIP_REASONS, THREE } = await from("compare/verdict.js");
const { VIEWS } = await from("compare/views.js");

const texts = JSON.parse(readFileSync(url("languages/en.json"), "utf-8"));
const source = (name) => readFileSync(url(`compare/${name}.js`), "utf-8");
const require = (...keys) =>
  assert.deepEqual(
    keys.filter((key) => !(key in texts)),
    [],
  ); // prettier-ignore

test("steps, reasons and views", () => {
  require(...[...SEVEN, ...THREE].flatMap(({ name }) => [`step.${name}`, `step.${name}.full`]));
  require(...SKIP_REASONS.map((reason) => `compare.skip.${reason}`));
  require(...VIEWS.map((view) => `views.${view}`));
});

test("the list of keys, and the tools that it tells of", () => {
  for (const asked of [{ candidates: 2, strength: true }, { candidates: 2, strength: false }, { candidates: 5 }])
    require(...keysFor(asked).map(([, name]) => (name.startsWith("step.") ? `${name}.full` : `keys.${name}`)));
  const tools = [...source("card").matchAll(/tool\("(\w+)"/g)].map(([, name]) => name);
  assert.ok(tools.length >= 9);
  require(...tools.map((name) => `tools.${name}`));
});

test("the steps of a question, and what is missing in them", () => {
  require(...["decision", "rationale", "improve"].map((name) => `trail.${name}`));
  require(...["rationale", "improve"].flatMap((name) => [`writing.${name}`, `writing.${name}.title`]));
  require(...["criterion", "rationale", "improve"].map((name) => `say.missing.${name}`));
});

test("states that the page itself knows, and the ways on", () => {
  const own = ["loading", "error", "locked", "session_ended", "other_person"];
  require(...own.flatMap((state) => [`state.${state}.title`, `state.${state}.words`]));
  const ways = [...source("state_panel").matchAll(/: \["(\w+)", "\//g)].map(([, name]) => name);
  assert.ok(ways.length >= 8);
  require(...ways.map((name) => `state.to.${name}`), "state.to.again");
});

test("what the page says of an answer on its way", () => {
  const said = [...source("saving").matchAll(/say\("(\w+\.\w+)"/g)].map(([, key]) => key);
  assert.ok(said.length >= 8);
  require(...said, "guidelines.news_new", "guidelines.news_changed");
});
