"""The table of people as a lead sees it: rows by pseudonym (names for admins), filtered, sorted, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args

from feedback_store.people_listing import ListedPerson
from feedback_store.qualifying import NOT_QUALIFIED, QUALIFIED

State = Literal["active", "training", "not_qualified", "paused", "paused_by_checks", "withdrawn", "disabled", "erased"]
STATES: tuple[State, ...] = get_args(State)
Sort = Literal["came", "name", "role", "state", "today", "answers", "per_hour", "checks", "repeats", "side", "ties",
               "seconds", "reliability"]  # fmt: skip
ROLES_IN_ORDER = (None, "annotator", "lead", "researcher", "admin")


def state_of(person: ListedPerson, *, qualifying: bool) -> State:
    """How somebody stands. `qualifying`: whether the study asks for a qualification before live work."""
    if person.erased_at:
        return "erased"
    if person.paused_at:
        why: dict[str | None, State] = {"checks": "paused_by_checks", "withdrawn": "withdrawn"}
        return why.get(person.paused_why, "paused")
    if person.disabled_at:
        return "disabled"
    if not qualifying or QUALIFIED in person.qualifications:
        return "active"
    return "not_qualified" if NOT_QUALIFIED in person.qualifications else "training"


def row(
    person: ListedPerson,
    known_as: Callable[[str], str],
    figures: dict[str, Any] | None,
    reliability: dict[str, Any] | None,
    *,
    qualifying: bool,
) -> dict[str, Any]:
    """One row. Shares come with their counts: 1 of 1 is not 100 of 100; reliability with its interval."""
    found = figures or {}
    return {
        "id": person.id,
        "name": known_as(person.name),
        "kind": person.kind,
        "role": person.role,
        "state": state_of(person, qualifying=qualifying),
        "languages": person.languages,
        "tags": person.tags,
        "quota": person.daily_quota,
        "left_out": person.left_out_why,
        "disabled": person.disabled_at is not None,
        "today": person.today,
        "answers": person.answers,
        "days": person.days,
        "last_day": person.last_day,
        "per_hour": found.get("per_hour"),
        "seconds": found.get("median_seconds"),
        "checks": _pair(found, "checks_right", "checks"),
        "repeats": _pair(found, "repeats_same", "repeats"),
        "side": _pair(found, "first_preferred", "sided"),
        "reliability": reliability,
        "ties": _pair({**found, "decided": found.get("answers", 0) - found.get("skips", 0)}, "ties", "decided"),
    }


def _pair(found: dict[str, Any], part: str, whole: str) -> list[int]:
    return [int(found.get(part, 0)), int(found.get(whole, 0))]


def chosen(rows: Iterable[dict[str, Any]], *, search: str, state: State | None) -> list[dict[str, Any]]:
    """Rows whose name, role, languages or tags hold what is looked for, of one state."""
    wanted = search.strip().casefold()

    def fits(one: dict[str, Any]) -> bool:
        said = [one["name"], one["role"] or "", *one["languages"], *one["tags"]]
        return (state is None or one["state"] == state) and (not wanted or any(wanted in s.casefold() for s in said))

    return [one for one in rows if fits(one)]


def ordered(rows: list[dict[str, Any]], sort: Sort, *, descending: bool) -> list[dict[str, Any]]:
    """Rows in an order; those without the figure, or of whom too little is known, come last in both directions."""

    def place(one: dict[str, Any]) -> Any:
        value = one["id"] if sort == "came" else one[sort]
        if isinstance(value, list):
            return value[0] / value[1] if value[1] else None
        if isinstance(value, dict):
            return None if value["wide"] else value["value"]
        if sort == "role":
            return ROLES_IN_ORDER.index(value)
        return STATES.index(value) if sort == "state" else value

    known = [one for one in rows if place(one) is not None]
    return [
        *sorted(known, key=place, reverse=descending),
        *(one for one in rows if place(one) is None),
    ]
