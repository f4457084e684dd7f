"""From judgments to preferences: the one place where what people said becomes pairs to train on.

- Judgments that count (not superseded, undone, or taken back) on comparisons of purpose training. Skips are no
  preference.
- A ranking of K completions gives its K (K - 1) / 2 pairs, each of weight 2 / K, so that it counts as K - 1
  comparisons: for two that is one pair of weight 1 (all pairs of one ranking are not independent; Ouyang et al. 2022,
  section 3.5, train them as one).
- Equal ranks are a tie. Both bad is a tie that also says so. Strength is handed on as it is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from feedback_store.database import Database, Row

Outcome = Literal["first", "tie", "second"]


@dataclass(frozen=True)
class Preference:
    """One pair of completions that a person compared. `first_id` stands before `second_id` in the comparison.

    `first_shown_on_left` tells whether the first was shown before the second; None where the order is not known.
    """

    judgment_id: int
    comparison_id: int
    prompt_id: int
    split: str
    annotator_id: int
    first_id: int
    second_id: int
    outcome: Outcome
    weight: float
    strength: int | None
    both_bad: bool
    first_shown_on_left: bool | None


def derive(db: Database, judgment_ids: Sequence[int] | None = None) -> list[Preference]:
    """Return the preferences of all judgments that count, or of exactly those given (a label snapshot), by judgment and
    place.

    Judgments named in `judgment_ids` are taken even if they were superseded since: a run keeps what it saw.
    """
    source = "live_judgments" if judgment_ids is None else "judgments"
    narrowed = "" if judgment_ids is None else "AND j.id IN (SELECT value FROM json_each(:ids))"
    rows = db.rows(
        "SELECT j.id, j.comparison_id, j.annotator_id, j.ranks, j.shown, j.strength, j.both_bad, c.prompt_id, p.split,"
        " (SELECT json_group_array(completion_id) FROM (SELECT completion_id FROM candidates"
        "   WHERE comparison_id = c.id ORDER BY position)) AS completion_ids"
        f" FROM {source} j JOIN comparisons c ON c.id = j.comparison_id JOIN prompts p ON p.id = c.prompt_id"
        f" WHERE c.purpose = 'training' AND j.ranks IS NOT NULL {narrowed} ORDER BY j.id",
        {} if judgment_ids is None else {"ids": json.dumps(list(judgment_ids))},
    )
    return [preference for row in rows for preference in _of_row(row)]


def pairs_of(ranks: Sequence[int]) -> list[tuple[int, int, Outcome, float]]:
    """Return (first place, second place, outcome, weight) for every pair of a ranking; the weights add up to K - 1."""
    weight = 2 / len(ranks)
    return [(i, j, outcome(ranks[i], ranks[j]), weight) for i, j in combinations(range(len(ranks)), 2)]


def outcome(first_rank: int, second_rank: int) -> Outcome:
    """Return which of two ranks is better (lower)."""
    if first_rank == second_rank:
        return "tie"
    return "first" if first_rank < second_rank else "second"


def _of_row(row: Row) -> list[Preference]:
    completion_ids = json.loads(row["completion_ids"])
    shown = json.loads(row["shown"]) if row["shown"] else None
    return [
        Preference(
            judgment_id=row["id"],
            comparison_id=row["comparison_id"],
            prompt_id=row["prompt_id"],
            split=row["split"],
            annotator_id=row["annotator_id"],
            first_id=completion_ids[i],
            second_id=completion_ids[j],
            outcome=result,
            weight=weight,
            strength=row["strength"],
            both_bad=bool(row["both_bad"]),
            first_shown_on_left=None if shown is None else shown.index(i) < shown.index(j),
        )
        for i, j, result, weight in pairs_of(json.loads(row["ranks"]))
    ]
