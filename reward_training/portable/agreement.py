"""How far another scorer says what a reward says. Free of torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from reward_training.likelihood import OUTCOMES, Floats
from reward_training.metrics import accuracy
from reward_training.records import Outcome


def agreement(ours: Floats, theirs: Floats, pairs: NDArray[np.int64], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """(N,) scores of the same texts and (P, 2) places of judged pairs -> rank correlation over the texts, the share of
    pairs that both order alike, and the accuracy of each against the people. A figure that cannot be told is None."""
    found: dict[str, Any] = {"texts": len(ours), "pairs": len(pairs), "rank_correlation": None}
    if len(ours) > 2 and np.ptp(ours) > 0 and np.ptp(theirs) > 0:
        found["rank_correlation"] = float(spearmanr(ours, theirs).statistic)
    said = np.array([OUTCOMES[outcome] for outcome in outcomes], dtype=np.int64)
    differences = [scores[pairs[:, 0]] - scores[pairs[:, 1]] for scores in (ours, theirs)]
    alike = np.sign(differences[0]) == np.sign(differences[1])
    found["pairwise_agreement"] = float(alike.mean()) if len(pairs) else None
    for name, one in zip(("accuracy", "its_accuracy"), differences, strict=True):
        value = accuracy(one, said) if len(pairs) else float("nan")
        found[name] = value if np.isfinite(value) else None
    return found
