"""A head for each criterion, beside the main reward."""

from pathlib import Path

import numpy as np
import pytest

from reward_training.criteria_heads import CriteriaHeads, fit, report
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
    heads = fit(features_of, training, [], 0.01)
    found = report(heads, features_of, training, pairs(range(60, 80), {"another": 1}, holdout=True), MAIN)
    assert set(found) == {"as the whole", "another"}
    assert found["as the whole"]["correlation"] > 0.9 > abs(found["another"]["correlation"]) + 0.3
    assert found["another"]["holdout"]["accuracy"] == 1.0
    assert found["as the whole"]["holdout"]["pairs"] == 0


def test_scores_are_standardised_on_the_reference_and_come_back_bit_equal(tmp_path: Path) -> None:
    reference = [Text([], str(place)) for place in range(60, 80)]
    heads = fit(features_of, pairs(range(60), {"知识": 1, "a/b": 2}), reference, 0.01)
    scores = heads.scores(features_of(reference))
    assert list(scores) == ["a/b", "知识"]
    for column, name in ((1, "知识"), (2, "a/b")):
        assert np.mean(scores[name]) == pytest.approx(0, abs=1e-9) and np.std(scores[name], ddof=1) == pytest.approx(1)
        assert np.corrcoef(scores[name], features_of(reference)[:, column])[0, 1] > 0.9
    heads.save(tmp_path)
    assert CriteriaHeads.load(tmp_path).scores(features_of(reference)) == scores


@pytest.mark.parametrize("saved", [True, False])
def test_without_answers_by_criteria_there_is_nothing_to_report(tmp_path: Path, saved: bool) -> None:
    heads = fit(features_of, pairs(range(8), {}), [Text([], "1"), Text([], "2")], 0.01)
    assert report(heads, features_of, pairs(range(8), {}), [], MAIN) == {}
    if saved:  # an earlier version wrote no such file
        heads.save(tmp_path)
    assert CriteriaHeads.load(tmp_path).scores(np.zeros((2, 3))) == {}
