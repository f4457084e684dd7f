"""What people said of two policies of a study, blind: the rows of the store as the result of rounds/policy_results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from feedback_store import judged_policies, policies
from feedback_store.database import Database
from rounds.policy_results import ERROR, SCORES, BlindJudgment, PolicyResult, summarise
from rounds.stop_rule import Score, confidence

_OUTCOMES: dict[str, Literal["win", "tie", "loss"]] = {"first": "win", "tie": "tie", "second": "loss"}


def result_of(db: Database, newer: str, older: str) -> PolicyResult:
    """What people said of two policies, by name, from the newer one's side. Raises InvalidInput for an unknown name.

    Where an evaluation among it could end because of what was said, the interval is one that holds at every look.
    Light enough for a page: it reads the judgments of these two alone, the latest 5,000 at most.
    """
    ids = [policies.by_name(db, name).id for name in (newer, older)]
    if ids[0] == ids[1]:
        return summarise([])
    judged = [
        BlindJudgment(
            pair.judgment_id,
            pair.prompt_id,
            pair.split == "holdout",
            _OUTCOMES[pair.outcome],
            pair.shown_first,
            pair.weight,
        )
        for pair in judged_policies.of_two(db, *ids)
    ]
    wanted = judged_policies.ended_by_looking(db, ids)
    result = summarise(judged)
    return result if wanted is None or result.share is None else held_at_every_look(result, judged, wanted)


def held_at_every_look(result: PolicyResult, judged: Sequence[BlindJudgment], wanted: int) -> PolicyResult:
    """The same result with the sequential rule's own interval, which holds at all times at once, over all judgments:
    those that ended nothing are as likely to go either way. All pairs of a ranking are one score.

    `more_judgments` is what an interval for one look would take: None where that is already there.
    """
    of_each: dict[int, list[BlindJudgment]] = defaultdict(list)
    for one in judged:
        of_each[one.judgment_id].append(one)
    low, high = confidence([_score(together) for together in of_each.values()], error=ERROR, wanted=wanted)
    cannot_tell = low <= 0.5 <= high
    more = (result.more_judgments or None) if cannot_tell else 0
    return replace(result, low=low, high=high, interval="every look", cannot_tell=cannot_tell, more_judgments=more)


def _score(together: Sequence[BlindJudgment]) -> Score:
    """One judgment's pairs of these two policies."""
    weight = sum(one.weight for one in together)
    value = sum(SCORES[one.outcome] * one.weight for one in together) / weight
    return Score(value, together[0].prompt_id, weight)
