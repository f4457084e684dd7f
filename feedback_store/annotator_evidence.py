"""Answers that tell about people and train nothing: check questions, whose expert answer is known, and repeats."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from feedback_store import check_answers
from feedback_store.database import Database, Row
from feedback_store.preferences import Outcome, pairs_of


@dataclass(frozen=True, slots=True)
class Evidence:
    """One pair of such an answer. `expert`: what the expert said, None for a repeat; `repeats`: the judgment that is
    repeated, None for a check question. `pair`: which one of the ranking's pairs, in the order of preferences.pairs_of.
    """

    annotator_id: int
    pair: int
    outcome: Outcome
    first_shown_on_left: bool | None
    expert: Outcome | None
    repeats: int | None


def derive(db: Database, judgment_ids: Sequence[int]) -> list[Evidence]:
    """Return the evidence beside a label snapshot, of the people in it and given before its last judgment: the first
    answer to each check question in use, and repeats of judgments in it.
    """
    if not judgment_ids:
        return []
    values = {"ids": json.dumps(list(judgment_ids)), "last": max(judgment_ids)}
    return [one for query in (_CHECKS, _REPEATS) for row in db.rows(query, values) for one in _of_row(row)]


def _of_row(row: Row) -> list[Evidence]:
    shown = json.loads(row["shown"]) if row["shown"] else None
    said = pairs_of(json.loads(row["ranks"]))
    expert = [one[2] for one in pairs_of(json.loads(row["expert"]))] if row["repeats"] is None else [None] * len(said)
    if len(expert) != len(said):
        return []
    return [
        Evidence(
            annotator_id=row["annotator_id"],
            pair=number,
            outcome=outcome,
            first_shown_on_left=None if shown is None else shown.index(i) < shown.index(j),
            expert=known,
            repeats=row["repeats"],
        )
        for number, ((i, j, outcome, _), known) in enumerate(zip(said, expert, strict=True))
    ]


_PEOPLE = "SELECT DISTINCT annotator_id FROM judgments WHERE id IN (SELECT value FROM json_each(:ids))"
_CHECKS = f"""
SELECT j.annotator_id, j.ranks, j.shown, c.expert, NULL AS repeats
FROM comparisons c CROSS JOIN judgments j ON j.comparison_id = c.id
WHERE {check_answers.IN_USE} AND {check_answers.FIRST} AND j.id <= :last
  AND j.annotator_id IN ({_PEOPLE}) ORDER BY j.id"""
_REPEATS = """
SELECT j.annotator_id, j.ranks, j.shown, NULL AS expert, o.id AS repeats
FROM comparisons c JOIN live_judgments j ON j.comparison_id = c.id AND j.annotator_id = c.reserved_for
JOIN judgments o ON o.comparison_id = c.repeats_id AND o.annotator_id = c.reserved_for
WHERE c.purpose = 'repeat' AND j.ranks IS NOT NULL AND j.id <= :last AND o.ranks IS NOT NULL
  AND o.id IN (SELECT value FROM json_each(:ids)) ORDER BY j.id"""
