"""Comparisons: a prompt and two or more completions of it, put to people."""

import json
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback_store import canonical, clock, exchange_keys, leases, rounds
from feedback_store.database import Database, Row
from feedback_store.errors import InvalidInput

PURPOSES = ("training", "evaluation", "check", "repeat")
MOST_CANDIDATES = 9
PRIORITY_OF_EVALUATIONS = 1_000_000
"""Above every round's own, now and later, for somebody waits for the result."""


@dataclass(frozen=True)
class NewComparison:
    """A comparison to add.

    `score` and `probability` are those of the rule that chose it; higher priority is asked first. `qualification`: who
    is asked has to hold it. A repeat names the comparison that it repeats and the person for whom it is reserved.
    `held_back`: nobody is asked it until a lead says so.
    """

    prompt_id: int
    completion_ids: list[int]
    purpose: str = "training"
    chosen_by: str = "random"
    is_random: bool = True
    score: float | None = None
    probability: float | None = None
    run_id: int | None = None
    expert: list[int] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    priority: int = 0
    overlap: int = 1
    public_id: str | None = None
    qualification: str | None = None
    repeats_id: int | None = None
    reserved_for: int | None = None
    held_back: bool = False


@dataclass(frozen=True)
class Comparison:
    """A stored comparison.

    `completion_ids` are its candidates in order; `answers` counts its live judgments, `decided` those but for skips.
    """

    id: int
    public_id: str
    prompt_id: int
    completion_ids: list[int]
    round_id: int | None
    purpose: str
    chosen_by: str
    is_random: bool
    score: float | None
    probability: float | None
    run_id: int | None
    expert: list[int] | None
    extra: dict[str, Any]
    priority: int
    overlap: int
    answers: int
    decided: int
    qualification: str | None
    repeats_id: int | None
    reserved_for: int | None
    split: str
    language: str
    withdrawn: bool
    held_back: bool
    created_at: str


@dataclass(frozen=True)
class SliceCount:
    """Counts of the comparisons of one split and purpose."""

    split: str
    purpose: str
    ready: int
    leased: int
    judged: int


@dataclass(frozen=True)
class ComparisonCounts:
    """How many comparisons can be asked now (`ready`), are in someone's hands (`leased`), or have all answers
    (`judged`).
    """

    ready: int
    leased: int
    judged: int
    slices: list[SliceCount]

    @property
    def total(self) -> int:
        """All comparisons."""
        return self.ready + self.leased + self.judged


def add(
    db: Database, comparisons: Sequence[NewComparison], lease: leases.Lease | None = None, now: str | None = None
) -> list[int]:
    """Add comparisons to the open round, in one transaction; return their ids in the order given.

    Raises InvalidInput where one cannot be asked (and then adds none), LeaseLost where `lease` is not held any more.
    """
    with db.transaction():
        if lease is not None:
            leases.fence(db, lease)
        round_id = rounds.current(db, now).id if comparisons else None
        for new in comparisons:
            exchange_keys.require_free(new.extra, exchange_keys.OF_COMPARISON)
        run_id = lease.run_id if lease else None
        return [insert(db, new, round_id=round_id, run_id=new.run_id or run_id, now=now) for new in comparisons]


def insert(
    db: Database,
    new: NewComparison,
    *,
    round_id: int | None = None,
    run_id: int | None = None,
    now: str | None = None,
) -> int:
    """Insert one comparison and its candidates; return its id. Raises InvalidInput.

    Of a prompt that was taken back meanwhile it is withdrawn, and comes back with the prompt.
    """
    _check(db, new)
    with db.transaction():
        cursor = db.execute(
            "INSERT INTO comparisons (public_id, prompt_id, round_id, purpose, chosen_by, is_random, score,"
            " probability, expert, priority, overlap, run_id, extra, created_at, qualification, repeats_id,"
            " reserved_for, held_back, split, language, withdrawn)"
            " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, split, language, withdrawn FROM prompts"
            " WHERE id = ?",
            [
                new.public_id or secrets.token_hex(8), new.prompt_id, round_id, new.purpose, new.chosen_by,
                int(new.is_random), new.score, new.probability,
                None if new.expert is None else canonical.dumps(new.expert),
                new.priority, new.overlap, run_id, canonical.dumps(new.extra), now or clock.now(), new.qualification,
                new.repeats_id, new.reserved_for, int(new.held_back), new.prompt_id,
            ],
        )  # fmt: skip
        comparison_id = int(cursor.lastrowid)
        for position, completion_id in enumerate(new.completion_ids):
            db.execute(
                "INSERT INTO candidates (comparison_id, position, completion_id) VALUES (?, ?, ?)",
                [comparison_id, position, completion_id],
            )
    return comparison_id


def get(db: Database, comparison: int | str) -> Comparison:
    """Return a comparison by id, or by its public id (text). Raises InvalidInput where there is none."""
    column = "public_id" if isinstance(comparison, str) else "id"
    row = db.row(f"{_SELECT} WHERE c.{column} = ?", [comparison])
    if row is None:
        raise InvalidInput(f"There is no comparison {comparison!r} in this study.")
    return _comparison(row)


def listing(
    db: Database, *, after_id: int = 0, limit: int | None = None, run_id: int | None = None, withdrawn: bool = False
) -> list[Comparison]:
    """Return comparisons in id order; read long lists in parts by `after_id` and `limit`."""
    rows = db.rows(
        f"{_SELECT} WHERE c.id > :after AND (:run IS NULL OR c.run_id = :run) AND c.withdrawn <= :withdrawn"
        " ORDER BY c.id LIMIT :limit",
        {"after": after_id, "run": run_id, "withdrawn": int(withdrawn), "limit": -1 if limit is None else limit},
    )
    return [_comparison(row) for row in rows]


def count_by_prompt(db: Database) -> dict[int, int]:
    """Return how many comparisons each prompt has that has any, without check questions and repeats."""
    rows = db.rows(
        "SELECT prompt_id, COUNT(*) AS comparisons FROM comparisons"
        " WHERE withdrawn = 0 AND purpose NOT IN ('check', 'repeat') GROUP BY prompt_id"
    )
    return {row["prompt_id"]: row["comparisons"] for row in rows}


def counts(db: Database, round_id: int | None = None, now: str | None = None) -> ComparisonCounts:
    """Count comparisons by state, split and purpose (of one round, or all), without reading them: from the tallies,
    and from the leases in force.

    Check questions and repeats are not counted: they come on top, by their shares, and are never used up. Neither is
    what is held back, or is of an evaluation that was unsealed and in nobody's hands.
    """
    totals = _tallies(db, round_id)
    taken = _taken(db, round_id, now or clock.now())
    held = _held_back(db, round_id) + _over(db, round_id, now or clock.now())
    slices = [
        SliceCount(split, purpose, ready=total - judged - taken[split, purpose] - held[split, purpose],
                   leased=taken[split, purpose], judged=judged)
        for (split, purpose), (total, judged) in sorted(totals.items())
    ]  # fmt: skip
    return ComparisonCounts(
        ready=sum(part.ready for part in slices),
        leased=sum(part.leased for part in slices),
        judged=sum(part.judged for part in slices),
        slices=slices,
    )


COUNTED_TALLIES = """
SELECT split, purpose, SUM(comparisons) AS comparisons, SUM(judged) AS judged FROM tallies
WHERE purpose NOT IN ('check', 'repeat') AND (:round IS NULL OR round_id = NULLIF(:round, 0)) GROUP BY split, purpose"""
LEASES_IN_FORCE = """
SELECT a.comparison_id, c.round_id, c.split, c.purpose, c.overlap - c.answers AS missing
FROM assignments a JOIN comparisons c ON c.id = a.comparison_id
WHERE a.ended_at IS NULL AND a.expires_at > :now AND c.answers < c.overlap AND c.withdrawn = 0 AND c.held_back = 0
  AND c.purpose NOT IN ('check', 'repeat')"""
HELD_BACK = """
SELECT split, purpose, COUNT(*) AS comparisons FROM comparisons WHERE held_back = 1 AND withdrawn = 0
  AND answers < overlap AND purpose NOT IN ('check', 'repeat') {of_round} GROUP BY split, purpose"""

# By comparisons_askable, which begins with the highest priority: that of evaluations.
OVER = """
SELECT c.split FROM comparisons c
WHERE c.answers < c.overlap AND c.withdrawn = 0 AND c.purpose <> 'check' AND c.purpose <> 'repeat'
  AND c.priority >= :of_evaluations AND c.held_back = 0 AND (:round IS NULL OR c.round_id IS NULLIF(:round, 0))
  AND EXISTS (SELECT 1 FROM evaluation_pairs e JOIN evaluations v ON v.id = e.evaluation_id
    WHERE e.comparison_id = c.id AND v.unsealed_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM assignments a
    WHERE a.comparison_id = c.id AND a.ended_at IS NULL AND a.expires_at > :now)"""


def _tallies(db: Database, round_id: int | None) -> dict[tuple[str, str], tuple[int, int]]:
    rows = db.rows(COUNTED_TALLIES, {"round": round_id})
    return {(row["split"], row["purpose"]): (row["comparisons"], row["judged"]) for row in rows if row["comparisons"]}


def _taken(db: Database, round_id: int | None, now: str) -> Counter[tuple[str, str]]:
    """How many comparisons of each slice lack answers, but have someone at work on each."""
    held = db.rows(LEASES_IN_FORCE, {"now": now})
    leases = Counter(row["comparison_id"] for row in held)
    full = {row["comparison_id"]: row for row in held if leases[row["comparison_id"]] >= row["missing"]}
    return Counter((row["split"], row["purpose"]) for row in full.values() if round_id in (None, row["round_id"]))


def _held_back(db: Database, round_id: int | None) -> Counter[tuple[str, str]]:
    """How many comparisons of each slice lack answers, and are held back; they are few."""
    query = HELD_BACK.format(of_round="" if round_id is None else "AND round_id = NULLIF(:round, 0)")
    rows = db.rows(query, {} if round_id is None else {"round": round_id})
    return Counter({(row["split"], row["purpose"]): row["comparisons"] for row in rows})


def _over(db: Database, round_id: int | None, now: str) -> Counter[tuple[str, str]]:
    """How many comparisons of each slice lack answers that nobody is asked for any more; they are few."""
    rows = db.rows(OVER, {"round": round_id, "now": now, "of_evaluations": PRIORITY_OF_EVALUATIONS})
    return Counter((row["split"], "evaluation") for row in rows)


def recount(db: Database, comparison_id: int) -> None:
    """Count the comparison's live judgments anew; called in the transaction of everything that changes them."""
    db.execute(
        "UPDATE comparisons SET (answers, decided) ="
        " (SELECT COUNT(*), COUNT(ranks) FROM live_judgments WHERE comparison_id = :id) WHERE id = :id",
        {"id": comparison_id},
    )


_SELECT = """
SELECT c.id, c.public_id, c.prompt_id, c.round_id, c.purpose, c.chosen_by, c.is_random, c.score, c.probability,
  c.run_id, c.expert, c.extra, c.priority, c.overlap, c.answers, c.decided, c.qualification, c.repeats_id,
  c.reserved_for, c.split, c.language, c.withdrawn, c.held_back, c.created_at,
  (SELECT json_group_array(completion_id) FROM
    (SELECT completion_id FROM candidates WHERE comparison_id = c.id ORDER BY position)) AS completion_ids
FROM comparisons c"""


def _comparison(row: Row) -> Comparison:
    decoded = {
        "completion_ids": json.loads(row["completion_ids"]),
        "is_random": bool(row["is_random"]),
        "withdrawn": bool(row["withdrawn"]),
        "held_back": bool(row["held_back"]),
        "expert": json.loads(row["expert"]) if row["expert"] else None,
        "extra": json.loads(row["extra"]),
    }
    return Comparison(**{**row, **decoded})


def check_ranks(ranks: Any, candidates: int, what: str) -> None:
    """Raise InvalidInput unless `ranks` gives each candidate a place from 1 (best); equal is a tie."""
    whole = isinstance(ranks, list) and all(isinstance(rank, int) and not isinstance(rank, bool) for rank in ranks)
    if not whole or len(ranks) != candidates or any(not 1 <= rank <= candidates for rank in ranks) or 1 not in ranks:
        raise InvalidInput(
            f"The {what} are {ranks!r}; for {candidates} completions they have to be {candidates} whole numbers from 1 "
            f"(best) to {candidates}, in the order of the completions, equal for a tie."
        )


def _check(db: Database, new: NewComparison) -> None:
    ids = new.completion_ids
    if not 2 <= len(ids) <= MOST_CANDIDATES or len(set(ids)) != len(ids):
        raise InvalidInput(f"A comparison needs 2 to {MOST_CANDIDATES} different completions; it has {ids}.")
    if new.purpose not in PURPOSES:
        raise InvalidInput(f"The purpose of a comparison is {new.purpose!r}; allowed are {', '.join(PURPOSES)}.")
    found = db.rows(
        "SELECT id, prompt_id FROM completions WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(ids)]
    )
    missing = set(ids) - {row["id"] for row in found}
    if missing:
        raise InvalidInput(f"There is no completion {min(missing)}; add completions before their comparison.")
    strays = [row["id"] for row in found if row["prompt_id"] != new.prompt_id]
    if strays:
        raise InvalidInput(
            f"Completion {strays[0]} belongs to another prompt than {new.prompt_id}; compare like with like."
        )
    if new.expert is not None:
        check_ranks(new.expert, len(ids), "expert ranks")
    if not isinstance(new.overlap, int) or new.overlap < 1:
        raise InvalidInput(f"The overlap of a comparison is {new.overlap!r}; it has to be at least 1.")
    if new.probability is not None and not 0 <= new.probability <= 1:
        raise InvalidInput(f"The probability of a comparison is {new.probability!r}; it has to lie between 0 and 1.")
    if new.qualification is not None and not new.qualification.strip():
        raise InvalidInput("The qualification that a comparison needs has an empty name. Name it, or leave it out.")
    canonical.require_clean([new.chosen_by, new.qualification, new.extra], "comparison")
