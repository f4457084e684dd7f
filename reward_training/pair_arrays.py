"""Pairs as arrays, and what of them the training loss sees. Free of torch.

"Both bad" is a tie, and says besides that neither text is as good as usual. It becomes two comparisons more, lost
against one text that nobody wrote: the average of the reference policy's samples (the anchor). So it pulls both rewards
below the reference's mean, by the same likelihood and without a threshold of its own. K. Ethayarajh et al., "KTO",
https://arxiv.org/abs/2402.01306, treat an undesirable text likewise: as a loss against a reference point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reward_training.annotator_model import Answers
from reward_training.likelihood import OUTCOMES, SECOND, TIE, Floats
from reward_training.loss_settings import LossSettings
from reward_training.records import Pair, Text


def side_of(first_on_left: bool | None) -> float:
    """+1 where the first was shown first, -1 where the second was, 0 where nobody knows."""
    return 0.0 if first_on_left is None else 1.0 if first_on_left else -1.0


def unique_texts(pairs: Sequence[Pair]) -> tuple[list[Text], NDArray[np.int64], NDArray[np.int64]]:
    """Each text once, however many pairs it is in, and where each pair's two texts stand."""
    place: dict[int, int] = {}
    texts: list[Text] = []
    for text in (text for pair in pairs for text in (pair.first, pair.second)):
        if id(text) not in place:
            place[id(text)] = len(texts)
            texts.append(text)
    first = np.array([place[id(pair.first)] for pair in pairs], dtype=np.int64)
    second = np.array([place[id(pair.second)] for pair in pairs], dtype=np.int64)
    return texts, first, second


@dataclass(frozen=True)
class PairArrays:
    """N pairs. `side` as `side_of` has it.

    `margins` (logits) and `side_bias` (logits towards the first) are what the training loss adds; `both_bad` (N,) is
    true where a tie also says that neither is good.
    """

    outcomes: NDArray[np.int64]
    weights: Floats
    side: Floats
    side_bias: Floats
    margins: Floats
    both_bad: NDArray[np.bool_]

    @classmethod
    def of(cls, pairs: Sequence[Pair], loss: LossSettings) -> PairArrays:
        """Nothing known of people yet: no side bias, weights as they came."""
        outcomes = np.array([OUTCOMES[pair.outcome] for pair in pairs], dtype=np.int64)
        strengths = np.array([pair.strength or 0 for pair in pairs], dtype=np.int64)
        return cls(
            outcomes=outcomes,
            weights=np.array([pair.weight for pair in pairs], dtype=np.float64),
            side=np.array([side_of(pair.first_on_left) for pair in pairs], dtype=np.float64),
            side_bias=np.zeros(len(pairs)),
            margins=np.where(outcomes == TIE, 0.0, np.array([0.0, *loss.margins])[strengths]),
            both_bad=np.array([pair.both_bad and loss.both_bad > 0 for pair in pairs], dtype=np.bool_),
        )

    def answers(self, pairs: Sequence[Pair]) -> Answers:
        """What the annotator model reads."""
        return Answers([pair.annotator for pair in pairs], self.outcomes, self.side, self.weights)

    def weighed(self, responsibilities: Floats, side_bias: Floats) -> PairArrays:
        """With what is known of the people who answered."""
        return replace(self, weights=self.weights * responsibilities, side_bias=side_bias)

    def chosen(self, rows: NDArray[np.int64]) -> PairArrays:
        """Some of the pairs."""
        return PairArrays(**{name: values[rows] for name, values in vars(self).items()})

    def anchored(self, weight: float) -> PairArrays:
        """The pairs, behind them for each both-bad one its first and then for each its second against the anchor."""
        rows = np.flatnonzero(self.both_bad)
        twice = np.concatenate([rows, rows])
        nothing = np.zeros(len(twice))
        return PairArrays(
            outcomes=np.concatenate([self.outcomes, np.full(len(twice), SECOND)]),
            weights=np.concatenate([self.weights, weight * self.weights[twice]]),
            side=np.concatenate([self.side, nothing]),
            side_bias=np.concatenate([self.side_bias, nothing]),
            margins=np.concatenate([self.margins, nothing]),
            both_bad=np.concatenate([self.both_bad, np.ones(len(twice), dtype=np.bool_)]),
        )
