"""What the latest reward model learned of people, as the refreshed reward uses it. Torch-free.

Training weighs each answer by how likely it follows quality, given the answer; here each weighs as its author does on
the whole, for there is no trained head at hand to ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feedback_store import reward_models
from feedback_store.database import Database
from feedback_store.preferences import Preference
from reward_training.annotator_settings import AnnotatorSettings
from reward_training.pair_arrays import side_of

LEAST = 1e-3
"""Weight of an answer at least: weights never add up to nothing."""
PRIOR = AnnotatorSettings()
EXPECTED = PRIOR.reliable / (PRIOR.reliable + PRIOR.unreliable)
"""Reliability of whom the reward model does not know."""


@dataclass(frozen=True)
class KnownPeople:
    """Reliability and side bias (logits towards the side shown first) by annotator's id, of the reward model of this
    id: 0 and nobody where there is none that knows people."""

    reward_model_id: int
    people: Mapping[int, tuple[float, float]]

    def weight(self, one: Preference) -> float:
        """What a preference counts: as its author is reliable. Where nobody is known all count alike."""
        if not self.people:
            return one.weight
        reliability, _ = self.people.get(one.annotator_id, (EXPECTED, 0.0))
        return one.weight * max(reliability, LEAST)

    def offset(self, one: Preference) -> float:
        """Logits towards the first text that come from the side it was shown on."""
        _, side_bias = self.people.get(one.annotator_id, (0.0, 0.0))
        return side_bias * side_of(one.first_shown_on_left)


def people_of(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reward model's report says of each person, by id; empty where it knows nobody."""
    return (metrics.get("people") or {}).get("people") or {}


def known_people(db: Database) -> KnownPeople:
    """As the latest reward model of a study knows them."""
    model = reward_models.latest(db)
    found = people_of(model.metrics) if model else {}
    return KnownPeople(
        model.id if model else 0,
        {int(name): (one["reliability"]["value"], one["side_bias"]["value"]) for name, one in found.items()},
    )
