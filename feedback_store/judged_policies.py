"""What people said of two policies without knowing which wrote what.

Counted are comparisons of purpose training that were drawn at random (current against previous), and evaluations that
are not sealed any more, without those of the best of several texts: that is another side than the policy.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from feedback_store.database import Database
from feedback_store.preferences import Outcome, pairs_of

LATEST = 20_000
"""Judgments that are read at most, those of the latest comparisons."""


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


def of_two(db: Database, policy_id: int, other_id: int, *, latest: int = LATEST) -> list[JudgedPair]:
    """Return the judgments of two policies that count, from the side of `policy_id`."""
    low, high = sorted([policy_id, other_id])
    rows = db.rows(OF_TWO, {"low": low, "high": high, "latest": latest})
    return [pair for row in rows for pair in _pairs(row, policy_id, other_id)]


# No row of a sealed evaluation, nor of a side that is the best of several texts.
_BEST_OF_OR_SEALED = """
SELECT 1 FROM evaluation_pairs e JOIN evaluations v ON v.id = e.evaluation_id
JOIN evaluation_sides s ON s.evaluation_id = e.evaluation_id AND s.side IN (e.first_side, e.second_side)
WHERE e.comparison_id = c.id AND (v.unsealed_at IS NULL OR s.best_of > 1)"""
OF_TWO = f"""
SELECT j.id, c.prompt_id, c.split, j.ranks, j.shown,
  (SELECT json_group_array(policy_id) FROM (SELECT m.policy_id FROM candidates k JOIN completions m
    ON m.id = k.completion_id WHERE k.comparison_id = c.id ORDER BY k.position)) AS policies
FROM policy_pairs p JOIN comparisons c ON c.id = p.comparison_id JOIN counted_judgments j ON j.comparison_id = c.id
WHERE p.policy_id = :low AND p.other_id = :high AND j.ranks IS NOT NULL
  AND ((c.purpose = 'training' AND c.is_random = 1)
    OR (c.purpose = 'evaluation' AND NOT EXISTS ({_BEST_OF_OR_SEALED})))
ORDER BY p.comparison_id DESC LIMIT :latest"""

_OTHER_WAY: dict[Outcome, Outcome] = {"first": "second", "tie": "tie", "second": "first"}


def _pairs(row: dict[str, object], policy_id: int, other_id: int) -> Iterator[JudgedPair]:
    writers = json.loads(str(row["policies"]))
    shown = json.loads(str(row["shown"])) if row["shown"] else None
    for i, j, result, weight in pairs_of(json.loads(str(row["ranks"]))):
        if {writers[i], writers[j]} != {policy_id, other_id}:
            continue
        own_first = writers[i] == policy_id
        before = None if shown is None else (shown.index(i) < shown.index(j)) == own_first
        yield JudgedPair(
            judgment_id=int(str(row["id"])),
            prompt_id=int(str(row["prompt_id"])),
            split=str(row["split"]),
            outcome=result if own_first else _OTHER_WAY[result],
            shown_first=before,
            weight=weight,
        )
