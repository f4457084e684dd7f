// What I did: today, by day, as a table to take away.

import { el } from "../page/elements.js";
import { dayWords } from "../page/moments.js";
import { pager } from "../page/pager.js";
import { table } from "../page/table.js";
import { section } from "./section.js";

const DAYS_A_PAGE = 14;

export function work({ words, language }, mine) {
  if (mine.days.length === 0)
    return section("work", words("me.work"), el("p", { class: "tm-empty" }, words("me.work.none")));
  const link = { class: "tm-button tm-slim", href: "/api/me/work.csv", download: "my-work.csv" };
  return section(
    "work",
    words("me.work"),
    sums(words, mine),
    daysTable(words, language, [...mine.days].reverse()),
    el("div", { class: "tm-actions" }, el("a", link, words("me.work.csv"))),
  );
}

function sums(words, mine) {
  const today = mine.quota === null ? String(mine.today) : words("me.work.of", { n: mine.today, quota: mine.quota });
  const minutes = mine.days.reduce((sum, day) => sum + day.active_minutes, 0);
  const figures = [
    ["today", today],
    ["answers", String(mine.answers)],
    ["time", timeWords(words, minutes)],
    ["pace", mine.per_hour === null ? words("me.work.no_pace") : String(Math.round(mine.per_hour))],
  ];
  return el(
    "dl",
    { class: "tm-sums" },
    figures.map(([name, value]) => el("div", {}, el("dt", {}, words(`me.work.${name}`)), el("dd", {}, value))),
  );
}

function timeWords(words, minutes) {
  const whole = Math.round(minutes);
  if (whole < 60) return words("me.work.minutes", { n: whole });
  return words("me.work.hours", { hours: Math.floor(whole / 60), minutes: whole % 60 });
}

function daysTable(words, language, days) {
  const place = el("div", { class: "tm-me-days" });
  const columns = [
    [words("me.work.day"), false],
    [words("me.work.answers"), true],
    [words("me.work.skips"), true],
    [words("me.work.active"), true],
  ];
  const show = (page) => {
    const rows = days
      .slice(page * DAYS_A_PAGE, (page + 1) * DAYS_A_PAGE)
      .map((day) => [dayWords(day.day, language), day.judgments, day.skips, day.active_minutes.toFixed(1)].map(String));
    const turn = pager(words, { page, size: DAYS_A_PAGE, total: days.length }, (to) => {
      show(to);
      place.querySelector(".tm-table-scroll").focus();
    });
    place.replaceChildren(table(words("me.work.by_day"), columns, rows), ...(turn ? [turn] : []));
  };
  show(0);
  return place;
}
