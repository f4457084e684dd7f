"""Blind evaluations: two or more sides judged on held-out prompts, sealed until enough was judged.

A side is a policy, or the best of n texts of a policy. While an evaluation is sealed nothing here is for people but
`Progress`; `judged` gives who won only to the rule that unseals it, and to what computes results afterwards.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from feedback_store import audit, clock, comparisons, leases
from feedback_store.comparisons import NewComparison
from feedback_store.database import Database, Row
from feedback_store.errors import Conflict, InvalidInput
from feedback_store.preferences import Outcome, outcome

StopRule = Literal["count", "sequential"]
Why = Literal["count", "sequential", "exhausted", "early"]
MOST_SIDES = 8


@dataclass(frozen=True)
class Side:
    """A side of an evaluation: a policy by id and name, and of how many texts of it the best is taken (1: of one)."""

    policy_id: int
    policy: str
    best_of: int

    @property
    def words(self) -> str:
        """The side for people."""
        return self.policy if self.best_of == 1 else f"best of {self.best_of} of {self.policy}"


@dataclass(frozen=True)
class Evaluation:
    """A blind evaluation. `wanted` judgments at most; `error` that the sequential rule may make; `run_id` samples.

    `unsealed_why`: the number was reached, the rule decided, no pair was left to ask, or somebody looked early; None
    while it is sealed.
    """

    id: int
    run_id: int
    seed: int
    wanted: int
    stop_rule: StopRule
    error: float
    started_by: str
    created_at: str
    unsealed_at: str | None
    unsealed_by: str | None
    unsealed_why: Why | None
    sides: list[Side]

    @property
    def sealed(self) -> bool:
        """Whether nobody is told yet who wrote what."""
        return self.unsealed_at is None


@dataclass(frozen=True)
class Progress:
    """What may be told of a sealed evaluation: comparisons made, judgments that decide, comparisons that were skipped,
    comparisons that can still be asked (what somebody holds is among them), those that wait for a lead (held_back.py),
    and those that went with an import that was taken back, and come back with it.
    """

    made: int
    judged: int
    skipped: int
    left: int
    held_back: int
    taken_back: int = 0

    @property
    def used_up(self) -> bool:
        """Whether there were pairs and no answer can come any more."""
        return self.made > 0 and self.left == 0 and self.held_back == 0 and self.taken_back == 0


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgment of an evaluation. `outcome`: whether the side `first` or `second` was preferred.

    `first_shown_on_left`: None where the order is not known. `characters` of the two texts. `strength` 1 to 3.
    `held_out`: the prompt is. A ranking of several texts is several of these, each of a smaller `weight`.
    """

    judgment_id: int
    comparison_id: int
    prompt_id: int
    first: int
    second: int
    outcome: Outcome
    first_shown_on_left: bool | None
    strength: int | None
    characters: tuple[int, int]
    language: str
    tags: tuple[str, ...]
    held_out: bool
    weight: float = 1.0


def require_number(sides: Sequence[tuple[int, int]]) -> None:
    """Raises InvalidInput where an evaluation cannot have these sides (policy id, best of how many)."""
    if not 2 <= len(sides) <= MOST_SIDES or len(set(sides)) != len(sides):
        raise InvalidInput(f"An evaluation needs 2 to {MOST_SIDES} different sides; it has {len(set(sides))}.")


def start(
    db: Database,
    sides: Sequence[tuple[int, int]],
    *,
    run_id: int,
    wanted: int,
    stop_rule: StopRule,
    error: float,
    seed: int,
    by: str,
    now: str | None = None,
) -> Evaluation:
    """Store an evaluation of `sides` (policy id, best of how many), sealed from now on. Raises InvalidInput."""
    require_number(sides)
    with db.transaction():
        cursor = db.execute(
            "INSERT INTO evaluations (run_id, seed, wanted, stop_rule, error, started_by, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [run_id, seed, wanted, stop_rule, error, by, now or clock.now()],
        )
        evaluation_id = int(cursor.lastrowid)
        for place, (policy_id, best_of) in enumerate(sides):
            db.execute("INSERT INTO evaluation_sides VALUES (?, ?, ?, ?)", [evaluation_id, place, policy_id, best_of])
        made = get(db, evaluation_id)
        detail = {"sides": [side.words for side in made.sides], "wanted": wanted, "stop_rule": stop_rule}
        audit.note(db, actor=by, action="start evaluation", subject=f"evaluation {made.id}", detail=detail, now=now)
        return made


def add_pairs(
    db: Database, lease: leases.Lease, evaluation_id: int, pairs: Sequence[tuple[int, int, NewComparison]]
) -> int:
    """Add the comparisons of an evaluation, all at once: (side of the first completion, of the second, comparison).

    Returns how many. Again, after a crash, or where somebody unsealed it meanwhile, nothing is added. Raises LeaseLost.
    """
    with db.transaction():
        leases.fence(db, lease)
        known = db.value("SELECT COUNT(*) FROM evaluation_pairs WHERE evaluation_id = ?", [evaluation_id])
        if known or not get(db, evaluation_id).sealed:
            return int(known)
        ids = comparisons.add(db, [new for _, _, new in pairs], lease=lease)
        for comparison_id, (first, second, _) in zip(ids, pairs, strict=True):
            db.execute(
                "INSERT INTO evaluation_pairs VALUES (?, ?, ?, ?)", [comparison_id, evaluation_id, first, second]
            )
        return len(ids)


def get(db: Database, evaluation_id: int) -> Evaluation:
    """Return an evaluation by id. Raises InvalidInput where there is none."""
    row = db.row("SELECT * FROM evaluations WHERE id = ?", [evaluation_id])
    if row is None:
        raise InvalidInput(f"There is no evaluation {evaluation_id} in this study.")
    return _evaluation(db, row)


def of_run(db: Database, run_id: int) -> Evaluation:
    """Return the evaluation that a run, or the run that it retries, was queued with. Raises InvalidInput."""
    row = db.row(
        "WITH RECURSIVE chain (id) AS (SELECT ? UNION ALL SELECT r.retries_id FROM runs r JOIN chain ON r.id = chain.id"
        " WHERE r.retries_id IS NOT NULL) SELECT e.* FROM evaluations e JOIN chain ON chain.id = e.run_id",
        [run_id],
    )
    if row is None:
        raise InvalidInput(f"Run {run_id} was queued without an evaluation: start it anew.")
    return _evaluation(db, row)


def listing(db: Database, *, limit: int = -1, offset: int = 0) -> list[Evaluation]:
    """Return evaluations, the latest first."""
    rows = db.rows("SELECT * FROM evaluations ORDER BY id DESC LIMIT ? OFFSET ?", [limit, offset])
    return [_evaluation(db, row) for row in rows]


def count(db: Database, *, unsealed: bool = False) -> int:
    """Count evaluations, or those that are unsealed."""
    return int(db.value(f"SELECT COUNT(*) FROM evaluations{' WHERE unsealed_at IS NOT NULL' if unsealed else ''}"))


def sealed_of(db: Database, comparison_id: int) -> Evaluation | None:
    """Return the sealed evaluation that a comparison belongs to, None where it belongs to none."""
    found = db.value("SELECT evaluation_id FROM evaluation_pairs WHERE comparison_id = ?", [comparison_id])
    evaluation = get(db, found) if found is not None else None
    return evaluation if evaluation and evaluation.sealed else None


def progress(db: Database, evaluation_id: int) -> Progress:
    """Return how far an evaluation is. Nothing of it depends on who won."""
    row = db.row(_PROGRESS, {"evaluation": evaluation_id})
    assert row is not None
    source = _FROZEN if not get(db, evaluation_id).sealed else _LIVE
    judged = db.value(f"SELECT COUNT(*) {source} AND j.ranks IS NOT NULL", {"evaluation": evaluation_id})
    return Progress(row["made"], int(judged), row["skipped"] or 0, row["open"] or 0, row["held"] or 0, row["gone"] or 0)


def judged(db: Database, evaluation_id: int) -> list[Judged]:
    """Return the judgments of an evaluation in the order in which they came: those that count now, or, once it was
    unsealed, those that counted then (without people and imports that are left out or taken back since).
    """
    source = _LIVE if get(db, evaluation_id).sealed else _FROZEN
    rows = db.rows(_JUDGED.format(source=source), {"evaluation": evaluation_id})
    return [_judged(row) for row in rows]


def sealed(db: Database) -> list[Evaluation]:
    """Return the evaluations that are sealed now, the first begun first."""
    return [_evaluation(db, row) for row in db.rows("SELECT * FROM evaluations WHERE unsealed_at IS NULL ORDER BY id")]


def ask_anew(db: Database, comparison_id: int | None = None) -> None:
    """Let pairs of sealed evaluations that only people judged who are left out be asked again (all, or the one given),
    so that no evaluation ends for want of pairs. In the transaction of what changed who counts.
    """
    db.execute(
        _ASK_ANEW.format(which="TRUE" if comparison_id is None else "e.comparison_id = :id"), {"id": comparison_id}
    )


def unseal(db: Database, evaluation_id: int, *, why: Why, by: str, now: str | None = None) -> Evaluation:
    """Let the result be seen, for good: what counts now is kept, and what lacks answers is asked no more.

    Raises InvalidInput where there is none, Conflict where it is unsealed already.
    """
    moment = now or clock.now()
    with db.transaction():
        found = get(db, evaluation_id)
        if not found.sealed:
            raise Conflict(f"Evaluation {evaluation_id} was unsealed on {found.unsealed_at} already.")
        db.execute(
            f"INSERT INTO evaluation_judgments SELECT :evaluation, j.id {_LIVE} AND j.ranks IS NOT NULL",
            {"evaluation": evaluation_id},
        )
        db.execute(
            "UPDATE evaluations SET unsealed_at = ?, unsealed_by = ?, unsealed_why = ? WHERE id = ?",
            [moment, by, why, evaluation_id],
        )
        db.execute(_WITHDRAW, {"now": moment})
        db.execute(_CLOSE, {"now": moment})
        detail = {"why": why, "judged": progress(db, evaluation_id).judged, "wanted": found.wanted}
        subject = f"evaluation {evaluation_id}"
        audit.note(db, actor=by, action="unseal evaluation", subject=subject, detail=detail, now=moment)
        return get(db, evaluation_id)


STANDS = """
c.withdrawn = 0 AND NOT EXISTS (SELECT 1 FROM withdrawn_judgments w WHERE w.judgment_id = j.id)
AND NOT EXISTS (SELECT 1 FROM exclusions x WHERE x.annotator_id = j.annotator_id AND x.ended_at IS NULL)
AND (j.import_id IS NULL
  OR NOT EXISTS (SELECT 1 FROM exclusions x WHERE x.import_id = j.import_id AND x.ended_at IS NULL))"""
"""That a judgment `j` of a comparison `c` which counted when an evaluation was unsealed counts still: neither is its
author or its import left out, nor was its import or that of the pair's texts taken back. Undos and edits change
nothing.
"""
# An answer of who is left out takes no place: each pair is asked of one person whose answer counts.
_ASK_ANEW = """
UPDATE comparisons AS c SET overlap = 1 + left_out FROM (
  SELECT e.comparison_id, (SELECT COUNT(*) FROM live_judgments j WHERE j.comparison_id = e.comparison_id
    AND NOT EXISTS (SELECT 1 FROM counted_judgments n WHERE n.id = j.id)) AS left_out
  FROM evaluations v JOIN evaluation_pairs e ON e.evaluation_id = v.id WHERE v.unsealed_at IS NULL AND {which}) s
WHERE c.id = s.comparison_id AND c.overlap <> 1 + left_out"""
_LIVE = """
FROM evaluation_pairs e JOIN comparisons c ON c.id = e.comparison_id
JOIN counted_judgments j ON j.comparison_id = c.id WHERE e.evaluation_id = :evaluation"""
_FROZEN = f"""
FROM evaluation_judgments s JOIN judgments j ON j.id = s.judgment_id JOIN comparisons c ON c.id = j.comparison_id
JOIN evaluation_pairs e ON e.comparison_id = c.id WHERE s.evaluation_id = :evaluation AND {STANDS}"""
_JUDGED = """
SELECT j.id AS judgment_id, e.comparison_id, c.prompt_id, e.first_side, e.second_side, j.ranks, j.shown, j.strength,
  c.split, p.language, p.tags, (SELECT json_group_array(size) FROM (SELECT LENGTH(m.text) AS size FROM candidates k
    JOIN completions m ON m.id = k.completion_id WHERE k.comparison_id = c.id ORDER BY k.position)) AS sizes
FROM (SELECT e.*, j.id AS judgment_id {source} AND j.ranks IS NOT NULL) e
JOIN judgments j ON j.id = e.judgment_id JOIN comparisons c ON c.id = e.comparison_id
JOIN prompts p ON p.id = c.prompt_id ORDER BY j.id"""
_PROGRESS = """
SELECT COUNT(*) AS made, SUM(c.answers > 0 AND c.decided = 0) AS skipped,
  SUM(c.answers < c.overlap AND c.withdrawn = 0 AND c.held_back = 0) AS open,
  SUM(c.answers < c.overlap AND c.withdrawn = 0 AND c.held_back = 1) AS held,
  SUM(c.withdrawn = 1 AND c.held_back = 0) AS gone
FROM evaluation_pairs e JOIN comparisons c ON c.id = e.comparison_id WHERE e.evaluation_id = :evaluation"""
# What somebody holds right now stays until the next evaluation ends: the answer is kept, though it came too late to
# count. Nobody else is asked it (askable.OPEN).
_OVER = """
id IN (SELECT comparison_id FROM evaluation_pairs e JOIN evaluations v ON v.id = e.evaluation_id
    WHERE v.unsealed_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.comparison_id = comparisons.id
    AND a.ended_at IS NULL AND a.expires_at > :now)"""
# A pair whose answer counted, and was undone since, stays as well: what counted then counts.
_COUNTED = "SELECT j.comparison_id FROM evaluation_judgments s JOIN judgments j ON j.id = s.judgment_id"
_WITHDRAW = f"""
UPDATE comparisons SET withdrawn = 1 WHERE answers = 0 AND withdrawn = 0 AND id NOT IN ({_COUNTED}) AND {_OVER}"""
_CLOSE = f"UPDATE comparisons SET overlap = answers WHERE answers > 0 AND answers < overlap AND {_OVER}"


def _evaluation(db: Database, row: Row) -> Evaluation:
    sides = db.rows(
        "SELECT s.policy_id, p.name AS policy, s.best_of FROM evaluation_sides s"
        " JOIN policies p ON p.id = s.policy_id WHERE s.evaluation_id = ? ORDER BY s.side",
        [row["id"]],
    )
    return Evaluation(**row, sides=[Side(**side) for side in sides])


def _judged(row: Row) -> Judged:
    ranks, shown, sizes = json.loads(row["ranks"]), json.loads(row["shown"] or "null"), json.loads(row["sizes"])
    return Judged(
        judgment_id=row["judgment_id"],
        comparison_id=row["comparison_id"],
        prompt_id=row["prompt_id"],
        first=row["first_side"],
        second=row["second_side"],
        outcome=outcome(ranks[0], ranks[1]),
        first_shown_on_left=None if shown is None else shown[0] == 0,
        strength=row["strength"],
        characters=(sizes[0], sizes[1]),
        language=row["language"],
        tags=tuple(json.loads(row["tags"])),
        held_out=row["split"] == "holdout",
    )
