"""A head for each criterion, beside the main reward."""

import numpy as np

from reward_training.criteria_heads import report
from reward_training.records import Outcome, Pair, Text

FEATURES = {f"{place}": np.random.default_rng(place).normal(size=3) for place in range(80)}
MAIN = np.array([1.0, 0.0, 0.0])


def features_of(texts: list[Text]) -> np.ndarray:
    return np.array([FEATURES[text.completion] for text in texts])


def pairs(places: range, criteria: dict[str, int], holdout: bool = False) -> list[Pair]:
    """By each criterion the text with more of one feature is better."""

    def better(first: str, second: str, column: int) -> Outcome:
        return "first" if FEATURES[first][column] > FEATURES[second][column] else "second"

    return [
        Pair(
            Text([], str(place)), Text([], str(place + 1)), better(str(place), str(place + 1), 0), str(place), holdout,
            criteria={name: better(str(place), str(place + 1), column) for name, column in criteria.items()},
        )
        for place in places[::2]
    ]  # fmt: skip


def test_each_criterion_is_told_by_its_own_head_and_compared_with_the_whole() -> None:
    training = pairs(range(60), {"as the whole": 0, "another": 1}) + pairs(range(4), {"once": 2})[:1]
    found = report(features_of, training, pairs(range(60, 80), {"another": 1}, holdout=True), MAIN, 0.01)
    assert set(found) == {"as the whole", "another"}
    assert found["as the whole"]["correlation"] > 0.9 > abs(found["another"]["correlation"]) + 0.3
    assert found["another"]["holdout"]["accuracy"] == 1.0
    assert found["as the whole"]["holdout"]["pairs"] == 0


def test_without_answers_by_criteria_there_is_nothing_to_report() -> None:
    assert report(features_of, pairs(range(8), {}), [], MAIN, 0.01) == {}
