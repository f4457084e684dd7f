"""What people said of two policies without knowing which wrote what.

Counted are comparisons of purpose training that were drawn at random (current against previous), and evaluations that
are not sealed any more, as they stood when they were unsealed, without those of the best of several texts: that is
another side than the policy.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from feedback_store.database import Database, Row
from feedback_store.evaluations import STANDS, Judged
from feedback_store.preferences import Outcome, pairs_of

LATEST = 20_000
"""Judgments that are read at most where figures are computed beside the server, those of the latest comparisons."""
LATEST_OF_TWO = 5_000
"""The same for a page that waits for it: 80 ms, and an interval of one point and a half to each side."""


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """One judgment of two policies' texts. `outcome`: "first" where `policy_id`'s was preferred to the other's.

    `shown_first` tells whether its text was shown before the other's; None where the order is not known.
    """

    judgment_id: int
    prompt_id: int
    split: str
    outcome: Outcome
    shown_first: bool | None
    weight: float


def of_two(db: Database, policy_id: int, other_id: int, *, latest: int = LATEST_OF_TWO) -> list[JudgedPair]:
    """Return the judgments of two policies that count, from the side of `policy_id`."""
    low, high = sorted([policy_id, other_id])
    rows = db.rows(OF_TWO, {"low": low, "high": high, "latest": latest})
    return [pair for row in rows for pair in _pairs(row, policy_id, other_id)]


def among_own(db: Database, *, latest: int = LATEST) -> list[Judged]:
    """Return the judgments of any two of the study's own policies that count, the latest first; `first` and `second`
    are the policies' ids.
    """
    rows = db.rows(AMONG_OWN, {"latest": latest})
    own = {row["id"] for row in db.rows("SELECT id FROM policies WHERE kind <> 'external'")}
    return [one for row in rows for one in _judged(row, own)]


def ended_by_looking(db: Database, policy_ids: Sequence[int]) -> int | None:
    """Return how many judgments were wanted of each two sides at most in the first evaluation with the sequential rule
    that holds judgments of any two of these policies: it ended because of what they said, so that an interval for one
    look is too narrow for them. None where there is no such evaluation.
    """
    wanted: int | None = db.value(ENDED_BY_LOOKING, [json.dumps(list(policy_ids))])
    return wanted


# No row of a sealed evaluation, nor of a side that is the best of several texts.
_BEST_OF_OR_SEALED = """
SELECT 1 FROM evaluation_pairs e JOIN evaluations v ON v.id = e.evaluation_id
JOIN evaluation_sides s ON s.evaluation_id = e.evaluation_id AND s.side IN (e.first_side, e.second_side)
WHERE e.comparison_id = c.id AND (v.unsealed_at IS NULL OR s.best_of > 1)"""
# Of an evaluation what counted when it was unsealed: who has seen the result neither adds to it nor takes from it.
_COUNTED_AT_THE_END = f"SELECT 1 FROM evaluation_judgments s WHERE s.judgment_id = j.id AND {STANDS}"
_COUNTS = f"""
j.ranks IS NOT NULL AND (
  (((c.purpose = 'training' AND c.is_random = 1)
      OR (c.purpose = 'evaluation' AND NOT EXISTS (SELECT 1 FROM evaluation_pairs e WHERE e.comparison_id = c.id)))
    AND EXISTS (SELECT 1 FROM counted_judgments n WHERE n.id = j.id))
  OR (c.purpose = 'evaluation' AND EXISTS ({_COUNTED_AT_THE_END}) AND NOT EXISTS ({_BEST_OF_OR_SEALED})))"""
_OF_CANDIDATES = """
(SELECT json_group_array({what}) FROM (SELECT m.policy_id, LENGTH(m.text) AS size FROM candidates k JOIN completions m
  ON m.id = k.completion_id WHERE k.comparison_id = c.id ORDER BY k.position))"""
OF_TWO = f"""
SELECT j.id, c.prompt_id, c.split, j.ranks, j.shown, {_OF_CANDIDATES.format(what="policy_id")} AS policies
FROM policy_pairs p JOIN comparisons c ON c.id = p.comparison_id JOIN judgments j ON j.comparison_id = c.id
WHERE p.policy_id = :low AND p.other_id = :high AND {_COUNTS}
ORDER BY p.comparison_id DESC LIMIT :latest"""
AMONG_OWN = f"""
SELECT j.id, c.id AS comparison_id, c.prompt_id, c.split, j.ranks, j.shown, j.strength, p.language, p.tags,
  {_OF_CANDIDATES.format(what="policy_id")} AS policies, {_OF_CANDIDATES.format(what="size")} AS sizes
FROM comparisons c JOIN prompts p ON p.id = c.prompt_id JOIN judgments j ON j.comparison_id = c.id
WHERE c.id IN (SELECT DISTINCT o.comparison_id FROM policy_pairs o
    JOIN policies a ON a.id = o.policy_id AND a.kind <> 'external'
    JOIN policies b ON b.id = o.other_id AND b.kind <> 'external' ORDER BY o.comparison_id DESC LIMIT :latest)
  AND {_COUNTS} ORDER BY c.id DESC LIMIT :latest"""

ENDED_BY_LOOKING = """
SELECT (SELECT (v.wanted + pairs - 1) / pairs FROM (SELECT COUNT(*) * (COUNT(*) - 1) / 2 AS pairs
    FROM evaluation_sides s WHERE s.evaluation_id = v.id))
FROM evaluations v JOIN evaluation_sides a ON a.evaluation_id = v.id AND a.best_of = 1
JOIN evaluation_sides b ON b.evaluation_id = v.id AND b.best_of = 1 AND b.side <> a.side
WHERE v.stop_rule = 'sequential' AND v.unsealed_at IS NOT NULL
  AND EXISTS (SELECT 1 FROM evaluation_judgments s WHERE s.evaluation_id = v.id)
  AND a.policy_id IN (SELECT value FROM json_each(?1)) AND b.policy_id IN (SELECT value FROM json_each(?1))
ORDER BY v.id LIMIT 1"""

_OTHER_WAY: dict[Outcome, Outcome] = {"first": "second", "tie": "tie", "second": "first"}


def _pairs(row: Row, policy_id: int, other_id: int) -> Iterator[JudgedPair]:
    writers = json.loads(row["policies"])
    for i, j, result, before, weight in _of_ranks(row):
        if {writers[i], writers[j]} != {policy_id, other_id}:
            continue
        own_first = writers[i] == policy_id
        yield JudgedPair(
            judgment_id=row["id"],
            prompt_id=row["prompt_id"],
            split=row["split"],
            outcome=result if own_first else _OTHER_WAY[result],
            shown_first=None if before is None else before == own_first,
            weight=weight,
        )


def _judged(row: Row, own: set[int]) -> Iterator[Judged]:
    writers, sizes = json.loads(row["policies"]), json.loads(row["sizes"])
    for i, j, result, before, weight in _of_ranks(row):
        if writers[i] != writers[j] and {writers[i], writers[j]} <= own:
            yield Judged(
                judgment_id=row["id"],
                comparison_id=row["comparison_id"],
                prompt_id=row["prompt_id"],
                first=writers[i],
                second=writers[j],
                outcome=result,
                first_shown_on_left=before,
                strength=row["strength"],
                characters=(sizes[i], sizes[j]),
                language=row["language"],
                tags=tuple(json.loads(row["tags"])),
                held_out=row["split"] == "holdout",
                weight=weight,
            )


def _of_ranks(row: Row) -> Iterator[tuple[int, int, Outcome, bool | None, float]]:
    """Each pair of a ranking: both places, the outcome, whether the first was shown before the second, the weight."""
    shown = json.loads(row["shown"]) if row["shown"] else None
    for i, j, result, weight in pairs_of(json.loads(row["ranks"])):
        yield i, j, result, None if shown is None else shown.index(i) < shown.index(j), weight
