"""Figures about people, computed in a process of its own: `python -m rounds.people_figures STUDY` prints them as JSON.

A million judgments take seconds to read and a bootstrap holds the interpreter, so that the server's process does
neither: it starts this one at low priority when somebody looks, and shows what came out with the time it was computed.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from feedback_store import annotators, check_questions, clock, person_figures, shared_judgments
from feedback_store.database import Database

PACKAGES = Path(__file__).resolve().parents[1]
MOST_SECONDS = 180.0
NICENESS = 10
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


def in_a_process(folder: Path) -> dict[str, Any]:
    """What `compute` gives, computed by another process. Raises subprocess.SubprocessError, also when it takes longer
    than MOST_SECONDS.
    """
    path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")]))
    # -P: a file in the current folder must not shadow a module.
    command = [sys.executable, "-P", "-m", "rounds.people_figures", str(folder)]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS, check=True, env=environment)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main(folder: str) -> None:
    """Print the figures of the study in `folder`."""
    with suppress(OSError):
        os.nice(NICENESS)
    with Database.open(Path(folder), readonly=True) as db:
        print(json.dumps(compute(db)))


if __name__ == "__main__":
    main(sys.argv[1])
