"""How right a reward is on unseen debates and questions: the head on kept features, pairs of real people.

ukpconvarg1: one debate is left out at a time. The head is fitted on the others (its ridge picked by cross-validation
over their debates), a temperature on cross-fitted readings of the same, and the debate left out is read. The first
three debates in sorted order were kept out of every choice of features and settings: `kept_out` is of them, `others` of
the rest. qa_feedback: the same by question, in five folds, without its passages in the prompt, and with them (of the
first QUESTIONS_WITH_PASSAGES).

A seed draws four fifths of the training pairs. Intervals are over debates (questions), of hits averaged over the seeds;
those of a reward's lead over "longer wins" are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import kept_features
from benchmarks.kept_features import Judged
from benchmarks.setting import KEPT_OUT, Setting
from reward_training.calibration import cross_fitted, fit_temperature
from reward_training.head import PairDifferences, choose_l2, fit_head, folds_of
from reward_training.likelihood import TIE, Floats
from reward_training.metrics import Readings, Resamples, evaluate, hits, like_length
from reward_training.model import LENGTH_WEIGHT
from reward_training.settings import RewardSettings

SEEDS, SHARE = 5, 0.8
QUESTION_FOLDS = 5
QUESTIONS_WITH_PASSAGES = 300  # reading one with its four answers takes 4 to 10 s of a core
FIGURES = ("log_loss", "ece", "brier")
Rows = NDArray[np.int64]


def ukpconvarg1(setting: Setting) -> dict[str, Any]:
    """Accuracy on debates left out, by the pairs' gold labels."""
    judged = kept_features.ukp(setting, setting.work / "features")
    usable = np.flatnonzero(judged.gold >= 0)
    found = _read(setting, judged, usable, [judged.groups[row] for row in usable])
    early = sorted(set(judged.groups))[:KEPT_OUT]
    groups = np.array(found[0].groups)
    parts = {"all": np.ones(len(groups), bool), "kept_out": np.isin(groups, early), "others": ~np.isin(groups, early)}
    report = {name: _told(found, np.flatnonzero(rows)) for name, rows in parts.items()}
    return {"model": setting.base, "seeds": len(found), "kept_out_debates": early, **report}


def qa_feedback(setting: Setting, *, passages: bool) -> dict[str, Any]:
    """Accuracy on questions left out."""
    most = QUESTIONS_WITH_PASSAGES if passages else None
    judged = kept_features.qa(setting, setting.work / "features", passages=passages, most=most)
    folds = [str(fold) for fold in folds_of(judged.groups, QUESTION_FOLDS)]
    found = _read(setting, judged, np.arange(len(folds)), folds)
    return {"model": setting.base, "seeds": len(found), "all": _told(found, np.arange(len(folds)))}


def _read(setting: Setting, judged: Judged, rows: Rows, parts: Sequence[str]) -> list[Readings]:
    """For each seed what heads of the other parts say of each row; `parts` names the part of each."""
    features = standardised(judged.features)
    differences = PairDifferences(features, judged.first[rows], judged.second[rows])
    outcomes, groups = judged.gold[rows], [judged.groups[row] for row in rows]
    sides = np.stack([judged.lengths[judged.first[rows]], judged.lengths[judged.second[rows]]], axis=1)
    ridges: dict[str, float] = {}  # of each part left out; picked with the first seed, for most of the time goes there
    found = []
    for seed in range(setting.seed, setting.seed + setting.trials(SEEDS, 1)):
        said = np.zeros(len(rows))
        for name, training in _left_out(parts, seed):
            inside, names = differences[training], [groups[row] for row in training]
            if name not in ridges:
                candidates = RewardSettings().head_l2
                ridges[name], _ = choose_l2(inside, outcomes[training], np.ones(len(training)), names, candidates)
            outside = np.array(parts) == name
            weights = _calibrated_head(inside, outcomes[training], names, ridges[name])
            said[outside] = differences[outside] @ weights
        found.append(Readings(said, sides, outcomes, groups))
    return found


def _left_out(parts: Sequence[str], seed: int) -> Iterator[tuple[str, Rows]]:
    """Each part, and the training rows outside it that a seed draws."""
    for place, name in enumerate(sorted(set(parts))):
        rest = np.flatnonzero(np.array(parts) != name)
        yield name, np.sort(np.random.default_rng([seed, place]).permutation(rest)[: round(SHARE * len(rest))])


def _calibrated_head(differences: PairDifferences, outcomes: Rows, groups: Sequence[str], l2: float) -> Floats:
    """Weights whose differences are log-odds that mean what they say on pairs of other groups."""
    ones = np.ones(len(outcomes))
    head = fit_head(differences, outcomes, ones, l2)
    crossed = cross_fitted(
        differences, groups, lambda rows: fit_head(differences[rows], outcomes[rows], ones[rows], l2, head)
    )
    assert crossed is not None  # there are many groups
    return head.weights / fit_temperature(crossed, outcomes, ones, head.log_nu).temperature


def standardised(features: Floats) -> Floats:
    """As RewardModel.standardise_on: the last feature is the logarithm of the length."""
    spread = features.std(axis=0)
    floored = np.maximum(spread, 0.05 * np.median(spread) + 1e-8)
    floored[-1] = max(spread[-1], 1e-3) / LENGTH_WEIGHT
    return np.asarray((features - features.mean(axis=0)) / floored)


def _told(found: Sequence[Readings], rows: Rows) -> dict[str, Any]:
    """Accuracy, the length baseline, the lead over it on all pairs and on those of like length, with intervals; of the
    other figures the mean over the seeds."""
    parts = [one.taken(rows) for one in found]
    first = parts[0]
    decided = (first.outcomes != TIE).astype(float)
    like = decided * like_length(first.lengths)
    right = np.mean([hits(one.differences, one.outcomes) for one in parts], axis=0)
    longer = hits(first.length_differences, first.outcomes)
    resamples = Resamples(first.groups)
    values = {
        "accuracy": (right, decided),
        "longer_wins": (longer, decided),
        "lead": (right - longer, decided),
        "like_length_accuracy": (right, like),
        "like_length_longer_wins": (longer, like),
        "like_length_lead": (right - longer, like),
    }
    report: dict[str, Any] = {"groups": resamples.groups, "decided": int(decided.sum()), "like_length": int(like.sum())}
    for name, (amounts, weights) in values.items():
        ends = resamples.ratio_interval(amounts * weights, weights)
        report[name] = [_rounded(one) for one in (float(amounts @ weights / max(weights.sum(), 1)), *ends)]
    of_seeds = [evaluate(one, 0.0) for one in parts]
    return report | {name: _rounded(float(np.mean([one[name] for one in of_seeds]))) for name in FIGURES}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


CELLS = {
    "ukpconvarg1": ukpconvarg1,
    "qa_feedback": partial(qa_feedback, passages=False),
    "qa_feedback_passages": partial(qa_feedback, passages=True),
}
