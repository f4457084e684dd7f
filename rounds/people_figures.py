"""Figures about people, computed beside the server (rounds/beside.py), and how far the reward relies on each."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from feedback_store import annotators, check_questions, clock, person_figures, reward_models, shared_judgments
from feedback_store.database import Database
from rounds.known_people import people_of

RESAMPLES = 400
WIDE = 0.3
"""An interval of reliability that is wider tells no more than what is expected of anybody."""


def compute(db: Database) -> dict[str, Any]:
    """All figures of a study: {as_of, latest, people: {id: figures}, checks: {public id: ...}, agreement, divided}."""
    from feedback_store import agreement

    latest = person_figures.latest_judgment(db)
    asked = [person for person in annotators.listing(db) if person.kind != "imported"]
    measures = agreement.agreement(shared_judgments.frame(db), resamples=RESAMPLES)
    return {
        "as_of": clock.now(),
        "latest": latest,
        "people": {str(person.id): asdict(person_figures.of_person(db, person.id)) for person in asked},
        "checks": check_questions.shares_right(db),
        "agreement": [_plain(row) for row in measures.to_dict("records")],
        "divided": shared_judgments.disagreements(db),
    }


@dataclass(frozen=True)
class Reliabilities:
    """What the reward model of this name learned of people: {id: {value, low, high, wide, inverted, answers}}; None and
    nobody where there is none that knows people."""

    reward_model: str | None
    people: dict[str, dict[str, Any]]


def reliabilities(db: Database) -> Reliabilities:
    """Chances that a person's answer follows quality, from the latest reward model.

    `wide`: too few answers to tell; `inverted`: the answers are rather the wrong way round.
    """
    model = reward_models.latest(db)
    known = people_of(model.metrics) if model else None
    if model is None or not known:
        return Reliabilities(None, {})
    return Reliabilities(model.name, {name: _reliability(found) for name, found in known.items()})


def _reliability(found: dict[str, Any]) -> dict[str, Any]:
    ends = found["reliability"]
    wide = ends["high"] - ends["low"] > WIDE
    return {**ends, "wide": wide, "inverted": found["inverted"] > 0.5, "answers": found["answers"]}


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Numbers that are none become null: JSON knows no nan."""
    return {str(name): None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
