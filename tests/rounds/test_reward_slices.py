"""Accuracy by strength, person, tag, language and round."""

import numpy as np

from feedback_store.preferences import Preference
from feedback_store.prompts import Prompt
from reward_training.likelihood import FIRST, SECOND
from reward_training.metrics import Readings
from rounds.reward_slices import slices_of


def preference(number: int, person: int, strength: int | None, round_number: int | None) -> Preference:
    return Preference(
        number, number, number % 2, "holdout", person, 1, 2, "first", 1.0, strength, False, None, round=round_number
    )


def test_each_pair_counts_in_each_slice_that_it_is_in():
    known = {
        0: Prompt(0, [], "g", "holdout", "en", ["a", "b", "a"], None, "", {}),
        1: Prompt(1, [], "h", "holdout", "zh", [], None, "", {}),
    }
    found = [preference(0, 7, 3, 1), preference(1, 7, None, 2), preference(2, 8, 3, None)]
    readings = Readings(np.array([1.0, 1.0, 1.0]), np.ones((3, 2)), np.array([FIRST, SECOND, FIRST]), ["g", "h", "g"])
    slices = slices_of(found, readings, known)
    told = {name: [(row["value"], row["decided"], row["accuracy"]) for row in rows] for name, rows in slices.items()}
    assert told == {
        "strength": [("3", 2, 1.0)],
        "person": [("7", 2, 0.5), ("8", 1, 1.0)],
        "tag": [("a", 2, 1.0), ("b", 2, 1.0)],
        "language": [("en", 2, 1.0), ("zh", 1, 0.0)],
        "round": [("1", 1, 1.0), ("2", 1, 0.0)],
    }
