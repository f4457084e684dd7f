"""Where a reward is right and where not: its accuracy by strength, person, tag, language and round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from feedback_store import annotators
from feedback_store.database import Database
from feedback_store.preferences import Preference
from feedback_store.prompts import Prompt
from reward_training.metrics import Readings, by_slice

if TYPE_CHECKING:
    from feedback_store.runs import Run

ENOUGH_HELD_OUT = 300
"""Decided held-out pairs from which figures are theirs alone; with fewer, cross-fitted ones stand beside them."""
PARTS = ("holdout", "cross_fitted", "ceiling", "slices", "temperature")


def slices_of(found: Sequence[Preference], readings: Readings, known: Mapping[int, Prompt]) -> dict[str, Any]:
    """For each slice its rows (metrics.by_slice), of pairs whose preferences and readings stand in the same order.

    A person stands there by number: a name that is erased must not live on in what was measured.
    """
    labels: dict[str, list[list[str]]] = {
        "strength": [_known(one.strength) for one in found],
        "person": [_known(one.annotator_id) for one in found],
        "tag": [sorted(set(known[one.prompt_id].tags)) for one in found],
        "language": [_known(known[one.prompt_id].language or None) for one in found],
        "round": [_known(one.round) for one in found],
    }
    return {name: by_slice(readings, of_pairs) for name, of_pairs in labels.items()}


def quality_view(db: Database, run: Run) -> dict[str, Any] | None:
    """What a train-reward run measured of its reward, with the people of its slices by name; None for other runs."""
    metrics = (run.result or {}).get("metrics")
    if run.kind != "train-reward" or not isinstance(metrics, dict):
        return None
    found = {part: metrics.get(part) for part in PARTS}
    names = {str(person.id): person.name for person in annotators.listing(db)}
    slices = {
        label: [{**row, "name": names.get(row["value"]) if label == "person" else row["value"]} for row in rows]
        for label, rows in (found["slices"] or {}).items()
    }
    return {**found, "slices": slices, "enough": ENOUGH_HELD_OUT}


def _known(value: int | str | None) -> list[str]:
    return [] if value is None else [str(value)]
