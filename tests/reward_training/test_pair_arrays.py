"""Pairs as the training loss sees them: margins by strength, sides, both bad against the average text."""

import numpy as np
import pytest

from reward_training.head import fit_head
from reward_training.likelihood import FIRST, SECOND, TIE
from reward_training.loss_settings import LossSettings
from reward_training.pair_arrays import PairArrays
from reward_training.records import Pair, Text

ONE, OTHER = Text([], "one"), Text([], "other")
LOSS = LossSettings(margins=(0.25, 0.5, 1.0))


def test_a_margin_comes_from_the_strength_of_a_decided_answer_only() -> None:
    pairs = [
        Pair(ONE, OTHER, "first", "g", False, strength=1, first_on_left=True),
        Pair(ONE, OTHER, "second", "g", False, strength=3, first_on_left=False),
        Pair(ONE, OTHER, "first", "g", False),
        Pair(ONE, OTHER, "tie", "g", False, strength=2),
    ]
    arrays = PairArrays.of(pairs, LOSS)
    assert arrays.margins.tolist() == [0.25, 1.0, 0.0, 0.0]
    assert arrays.side.tolist() == [1.0, -1.0, 0.0, 0.0]
    assert PairArrays.of(pairs, LossSettings(margins=(0, 0, 0))).margins.tolist() == [0, 0, 0, 0]


def test_both_bad_loses_twice_to_the_anchor_with_the_weight_of_its_answer() -> None:
    pairs = [
        Pair(ONE, OTHER, "first", "g", False),
        Pair(ONE, OTHER, "tie", "g", False, weight=0.5, both_bad=True),
        Pair(ONE, OTHER, "tie", "g", False, both_bad=True),
    ]
    arrays = PairArrays.of(pairs, LOSS).weighed(np.array([1.0, 0.5, 1.0]), np.array([0.3, 0.3, 0.3]))
    anchored = arrays.anchored(0.2)
    assert anchored.outcomes.tolist() == [FIRST, TIE, TIE, SECOND, SECOND, SECOND, SECOND]
    assert anchored.weights == pytest.approx([1, 0.25, 1, 0.05, 0.2, 0.05, 0.2])
    assert anchored.side_bias.tolist() == [0.3, 0.3, 0.3, 0, 0, 0, 0]
    assert arrays.chosen(np.array([2, 0])).weights.tolist() == [1.0, 1.0]


def test_texts_that_were_bad_together_end_below_the_average_and_a_tie_says_nothing_of_it() -> None:
    """Texts of one feature around 0, the average text; the pair (-1, -1) was a tie and both bad."""
    first, second, anchor = np.array([[-1.0]]), np.array([[-1.0]]), np.zeros((1, 1))

    def weight(both_bad: float) -> float:
        pair = Pair(ONE, OTHER, "tie", "g", False, both_bad=True)
        arrays = PairArrays.of([pair], LossSettings(both_bad=both_bad))
        against = [text[arrays.both_bad] - anchor[: arrays.both_bad.sum()] for text in (first, second)]
        rows = arrays.anchored(both_bad)
        return float(fit_head(np.concatenate([first - second, *against]), rows.outcomes, rows.weights, 0.1).weights[0])

    assert weight(0) == pytest.approx(0, abs=1e-6)
    assert weight(1.0) > weight(0.25) > 0.05  # the reward of -1 is below the average's 0
