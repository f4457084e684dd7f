"""Figures about people, computed beside the server (rounds/beside.py)."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from feedback_store import annotators, check_questions, clock, person_figures, shared_judgments
from feedback_store.database import Database

RESAMPLES = 400


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


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Numbers that are none become null: JSON knows no nan."""
    return {str(name): None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
