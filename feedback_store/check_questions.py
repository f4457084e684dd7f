"""Check questions: pairs whose answer an expert gave. Everybody is asked them; how many get one right tells whether the
question itself is any good.

A retired one is asked nobody any more and counts for nobody (`held_back`); what people said about it stays.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from feedback_store import audit, check_answers, clock, comparisons, seals
from feedback_store.comparisons import Comparison, NewComparison
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput


@dataclass(frozen=True)
class CheckQuestion:
    """One check question. `expert` are ranks in the candidates' order, 1 best; `answers` that were given to it."""

    comparison_id: int
    public_id: str
    expert: list[int]
    answers: int
    retired: bool
    created_at: str


def make(
    db: Database, comparison: int | str, expert: Sequence[int], *, by: str, now: str | None = None
) -> CheckQuestion:
    """Make a check question of a comparison's candidates; the comparison itself stays what it is.

    Raises InvalidInput for an unknown comparison or wrong ranks, Conflict where the pair is a check question already
    or is sealed: nobody is asked the same two completions twice, so its evaluation would lose it.
    """
    with db.transaction():
        source = comparisons.get(db, comparison)
        if source.withdrawn:
            raise InvalidInput(f"The pair {source.public_id} was taken back; choose another one.")
        if seals.among(db, [source.id]):
            raise Conflict(
                f"The pair {source.public_id} belongs to a blind evaluation that is not finished: who is asked it as a "
                "check question is not asked it there. Choose another one."
            )
        comparisons.check_ranks(list(expert), len(source.completion_ids), "expert ranks")
        known = db.value(_SAME, {"prompt": source.prompt_id, "ids": json.dumps(source.completion_ids)})
        if known is not None:
            raise Conflict("These completions are a check question already. Retire that one to ask another answer.")
        new = NewComparison(
            source.prompt_id,
            source.completion_ids,
            purpose="check",
            chosen_by="lead",
            is_random=False,
            expert=list(expert),
        )
        made = comparisons.insert(db, new, round_id=source.round_id, now=now)
        detail = {"from": source.public_id, "expert": list(expert)}
        audit.note(db, actor=by, action="make check question", subject=f"comparison {made}", detail=detail, now=now)
        return _of(comparisons.get(db, made), retired=False)


def retire(db: Database, public_id: str, *, by: str, now: str | None = None) -> None:
    """Ask nobody this check question any more; again it stays as it is. Raises InvalidInput for what is none."""
    with db.transaction():
        known = comparisons.get(db, public_id)
        if known.purpose != "check":
            raise InvalidInput(f"The pair {public_id} is no check question.")
        cursor = db.execute("UPDATE comparisons SET held_back = 1 WHERE id = ? AND held_back = 0", [known.id])
        if cursor.rowcount:
            audit.note(
                db, actor=by, action="retire check question", subject=f"comparison {known.id}", now=now or clock.now()
            )


def listing(db: Database, *, limit: int = 20, offset: int = 0) -> tuple[list[CheckQuestion], int]:
    """Return check questions, those in use first and the newest of them first, and how many there are."""
    rows = db.rows(_LISTED, {"limit": limit, "offset": offset})
    total = int(db.value("SELECT COUNT(*) FROM comparisons WHERE purpose = 'check' AND withdrawn = 0") or 0)
    return [_of(comparisons.get(db, row["id"]), retired=bool(row["held_back"])) for row in rows], total


def count_in_use(db: Database) -> int:
    """Return how many check questions can be asked: everybody gets each of them once."""
    return int(db.value("SELECT COUNT(*) FROM comparisons WHERE purpose = 'check' AND withdrawn = 0 AND held_back = 0"))


def shares_right(db: Database) -> dict[str, list[int]]:
    """Return by public id how many answered at first as the expert did, and how many answered at all (skips are no
    answers); who is left out counts in neither.
    """
    found: dict[str, list[int]] = {}
    for row in db.rows(_ANSWERS):
        right, answered = found.get(row["public_id"], [0, 0])
        found[row["public_id"]] = [right + check_answers.is_right(row), answered + 1]
    return found


def _of(comparison: Comparison, *, retired: bool) -> CheckQuestion:
    return CheckQuestion(
        comparison.id, comparison.public_id, comparison.expert or [], comparison.answers, retired, comparison.created_at
    )


_LISTED = """
SELECT id, held_back FROM comparisons WHERE purpose = 'check' AND withdrawn = 0 AND expert IS NOT NULL
ORDER BY held_back, id DESC LIMIT :limit OFFSET :offset"""
_ANSWERS = f"""
SELECT c.public_id, c.expert, j.ranks FROM comparisons c JOIN judgments j ON j.comparison_id = c.id
WHERE c.purpose = 'check' AND c.withdrawn = 0 AND c.expert IS NOT NULL AND {check_answers.FIRST}
  AND NOT EXISTS (SELECT 1 FROM exclusions e WHERE e.ended_at IS NULL
    AND (e.annotator_id = j.annotator_id OR e.import_id = j.import_id))"""
_SAME = """
SELECT c.id FROM comparisons c WHERE c.prompt_id = :prompt AND c.purpose = 'check' AND c.withdrawn = 0
  AND c.held_back = 0 AND (SELECT COUNT(*) FROM candidates k WHERE k.comparison_id = c.id) = json_array_length(:ids)
  AND NOT EXISTS (SELECT 1 FROM candidates k WHERE k.comparison_id = c.id
    AND k.completion_id NOT IN (SELECT value FROM json_each(:ids))) LIMIT 1"""
