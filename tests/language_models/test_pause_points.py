"""The points at which the kill tests hold a run still are there, and none is forgotten."""

import re
from pathlib import Path

from language_models.pause_points import POINTS

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("feedback_store", "language_models", "policy_training", "reward_training", "rounds", "ui")
CALL = re.compile(r"^\s*pause_point\((.*)\)$", re.MULTILINE)


def test_the_points_that_are_killed_at_are_all_that_the_code_passes() -> None:
    """A point renamed in one of the two places would be one that no kill ever comes to."""
    passed = [
        name
        for package in PACKAGES
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        for name in CALL.findall(path.read_text(encoding="utf-8"))
    ]
    assert {name.strip('"') for name in passed if re.fullmatch(r'"[a-z-]+"', name)} == set(POINTS)
    assert [name for name in passed if not re.fullmatch(r'"[a-z-]+"', name)] == [], "a point is named where it stands"
    assert len(set(POINTS)) == len(POINTS)
