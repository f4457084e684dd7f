"""What people said of two policies of a study, blind: the rows of the store as the result of rounds/policy_results."""

from __future__ import annotations

from typing import Literal

from feedback_store import judged_policies, policies
from feedback_store.database import Database
from rounds.policy_results import BlindJudgment, PolicyResult, summarise

_OUTCOMES: dict[str, Literal["win", "tie", "loss"]] = {"first": "win", "tie": "tie", "second": "loss"}


def result_of(db: Database, newer: str, older: str) -> PolicyResult:
    """What people said of two policies, by name, from the newer one's side. Raises InvalidInput for an unknown name.

    Light enough for a page: it reads the judgments of these two alone, the latest 5,000 at most.
    """
    ids = [policies.by_name(db, name).id for name in (newer, older)]
    if ids[0] == ids[1]:
        return summarise([])
    return summarise(
        [
            BlindJudgment(
                pair.judgment_id,
                pair.prompt_id,
                pair.split == "holdout",
                _OUTCOMES[pair.outcome],
                pair.shown_first,
                pair.weight,
            )
            for pair in judged_policies.of_two(db, *ids)
        ],
        looked=judged_policies.ended_by_looking(db, ids),
    )
