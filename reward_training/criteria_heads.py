"""One linear head more for each criterion that people answered, on the main reward's features. Free of torch.

They are reported beside the main reward and never change it: how well a criterion can be told from a text, and how far
it goes along with what people prefer as a whole.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reward_training.head import LinearHead, fit_head
from reward_training.likelihood import OUTCOMES, TIE, Floats
from reward_training.metrics import Readings, evaluate
from reward_training.pair_arrays import unique_texts
from reward_training.records import Pair, Text

FEWEST_DECIDED = 2

FeaturesOf = Callable[[Sequence[Text]], Floats]
"""Texts -> (N, H) standardised features."""


def report(
    features_of: FeaturesOf, training: Sequence[Pair], held_out: Sequence[Pair], main: Floats, l2: float
) -> dict[str, Any]:
    """By criterion: answers and decided ones that trained, the correlation of its reward differences with those of the
    `main` weights (H,), and figures on the held-out pairs. Criteria with fewer than FEWEST_DECIDED decided answers are
    left out."""
    found = {}
    for name in sorted({name for pair in training for name in pair.criteria}):
        answered = [pair for pair in training if name in pair.criteria]
        outcomes = np.array([OUTCOMES[pair.criteria[name]] for pair in answered], dtype=np.int64)
        if (outcomes != TIE).sum() < FEWEST_DECIDED:
            continue
        differences = _differences(features_of, answered)
        weights = np.array([pair.weight for pair in answered], dtype=np.float64)
        head = fit_head(differences, outcomes, weights, l2)
        found[name] = {
            "pairs": len(answered),
            "decided": int((outcomes != TIE).sum()),
            "correlation": _correlation(differences @ head.weights, differences @ main),
            "holdout": _held_out(features_of, [pair for pair in held_out if name in pair.criteria], name, head),
        }
    return found


def _differences(features_of: FeaturesOf, pairs: Sequence[Pair]) -> Floats:
    texts, first, second = unique_texts(pairs)
    features = features_of(texts)
    return features[first] - features[second]


def _correlation(one: Floats, other: Floats) -> float | None:
    """None where either is the same for all."""
    if len(one) < 2 or one.std() == 0 or other.std() == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _held_out(features_of: FeaturesOf, pairs: Sequence[Pair], name: str, head: LinearHead) -> dict[str, Any]:
    outcomes = np.array([OUTCOMES[pair.criteria[name]] for pair in pairs], dtype=np.int64)
    read = _differences(features_of, pairs) @ head.weights if pairs else np.zeros(0)
    lengths = np.array([[len(text.completion) for text in (pair.first, pair.second)] for pair in pairs])
    return evaluate(
        Readings(read, lengths.reshape(-1, 2).astype(float), outcomes, [pair.group for pair in pairs]), head.log_nu
    )
