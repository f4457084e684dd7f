"""How each person judges: ties, sides, pace, check questions, repeats. Read person by person, by index.

Counted are the answers that a person gave here and that count as answers; skips only as skips, and of check questions
the first answer to each. Nothing here is for the
people themselves: what check questions and repeats say would tell which ones they are.
"""

import json
from dataclasses import dataclass

from feedback_store import check_answers
from feedback_store.database import Database, Row
from feedback_store.preferences import pairs_of
from feedback_store.work import MOST_SECONDS


@dataclass(frozen=True)
class PersonFigures:
    """Counts of one person, so that a reader can tell a share of 3 from a share of 300.

    `ties` are without `both_bad`. `first_preferred` of `sided`: decided pairs of two whose first shown was preferred.
    `checks_right` of `checks`: answered as the expert did. `repeats_same` of `repeats`: pairs asked again with the
    sides swapped that got the same answer. `median_seconds` visible; `per_hour`: answers in an hour of visible time.
    """

    annotator_id: int
    answers: int
    skips: int
    ties: int
    both_bad: int
    sided: int
    first_preferred: int
    checks: int
    checks_right: int
    repeats: int
    repeats_same: int
    median_seconds: float | None
    per_hour: float | None


def of_person(db: Database, annotator_id: int) -> PersonFigures:
    """Return the figures of one person; all 0 for somebody who never answered."""
    values = {"annotator": annotator_id, "most": int(MOST_SECONDS * 1000)}
    sums = db.row(_SUMS, values) or {}
    counts = {name: int(sums.get(name) or 0) for name in _COUNTS}
    checks = [check_answers.is_right(row) for row in db.rows(_CHECKS, values)]
    repeats = [_same(row) for row in db.rows(_REPEATS, values)]
    timed, visible = int(sums.get("timed") or 0), int(sums.get("visible") or 0)
    median = db.value(_MEDIAN, {**values, "middle": timed // 2}) if timed else None
    return PersonFigures(
        annotator_id=annotator_id,
        **counts,
        checks=len(checks),
        checks_right=sum(checks),
        repeats=len(repeats),
        repeats_same=sum(repeats),
        median_seconds=None if median is None else median / 1000,
        per_hour=3_600_000 * timed / visible if visible else None,
    )


def latest_judgment(db: Database) -> int:
    """Return the id of the latest judgment, 0 where there is none: while it stays, no figure changes by an answer."""
    return int(db.value("SELECT MAX(id) FROM judgments") or 0)


def _same(row: Row) -> bool:
    return pairs_of(json.loads(row["ranks"])) == pairs_of(json.loads(row["before"]))


_COUNTS = ("answers", "skips", "ties", "both_bad", "sided", "first_preferred")
_OWN = "FROM live_judgments j WHERE j.annotator_id = :annotator AND j.import_id IS NULL"
_OF_TWO = "(json_array_length(j.ranks) = 2)"
_TIE = f"({_OF_TWO} AND json_extract(j.ranks, '$[0]') = json_extract(j.ranks, '$[1]'))"
_FIRST_SHOWN = "json_extract(j.ranks, '$[' || json_extract(j.shown, '$[0]') || ']')"
_SECOND_SHOWN = "json_extract(j.ranks, '$[' || json_extract(j.shown, '$[1]') || ']')"
_SIDED = f"({_OF_TWO} AND NOT {_TIE} AND json_array_length(j.shown) = 2)"
_SUMS = f"""
SELECT COUNT(*) AS answers, SUM(j.skipped IS NOT NULL) AS skips, SUM(j.both_bad) AS both_bad,
    SUM({_TIE} AND NOT j.both_bad) AS ties, SUM({_SIDED}) AS sided,
    SUM(CASE WHEN {_SIDED} THEN {_FIRST_SHOWN} < {_SECOND_SHOWN} END) AS first_preferred,
    COUNT(j.milliseconds) AS timed, SUM(MIN(j.milliseconds, :most)) AS visible
{_OWN}"""
_MEDIAN = f"""
SELECT j.milliseconds {_OWN} AND j.milliseconds IS NOT NULL ORDER BY j.milliseconds LIMIT 1 OFFSET :middle"""
_CHECKS = f"""
SELECT j.ranks, c.expert FROM comparisons c CROSS JOIN judgments j
  ON j.comparison_id = c.id AND j.annotator_id = :annotator
WHERE {check_answers.IN_USE} AND {check_answers.FIRST} AND j.import_id IS NULL"""
_REPEATS = """
SELECT j.ranks, o.ranks AS before FROM comparisons c
JOIN live_judgments j ON j.comparison_id = c.id AND j.annotator_id = :annotator
JOIN live_judgments o ON o.comparison_id = c.repeats_id AND o.annotator_id = :annotator
WHERE c.reserved_for = :annotator AND c.repeats_id IS NOT NULL AND j.ranks IS NOT NULL AND o.ranks IS NOT NULL"""
