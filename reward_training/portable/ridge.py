"""Ridge regression with its strength picked by cross-validation over groups. Free of torch."""

from collections.abc import Sequence

import numpy as np

from reward_training.likelihood import Floats

STRENGTHS = tuple(10.0**power for power in np.arange(-4, 3.5, 0.5))
FOLDS = 4


def fit_ridge(features: Floats, targets: Floats, groups: Sequence[str]) -> tuple[Floats, float, float]:
    """(N, H) features and (N,) targets -> (H,) weights, intercept, strength, with the least cross-validated error.

    Minimises mean squared error + strength * mean feature variance * |weights|^2. Folds never split a group; with fewer
    groups than folds the strongest is taken.
    """
    names = sorted(set(groups))
    if len(names) < FOLDS:
        return *_solve(features, targets, STRENGTHS[-1]), STRENGTHS[-1]
    fold_of = {name: place % FOLDS for place, name in enumerate(np.random.default_rng(0).permutation(names))}
    folds = np.array([fold_of[group] for group in groups])
    errors = dict.fromkeys(STRENGTHS, 0.0)
    for fold in range(FOLDS):
        inside, outside = folds != fold, folds == fold
        for strength in STRENGTHS:
            weights, intercept = _solve(features[inside], targets[inside], strength)
            errors[strength] += float(((features[outside] @ weights + intercept - targets[outside]) ** 2).sum())
    best = min(errors, key=lambda strength: errors[strength])
    return *_solve(features, targets, best), best


def _solve(features: Floats, targets: Floats, strength: float) -> tuple[Floats, float]:
    centre, mean = features.mean(0), float(targets.mean())
    centred = features - centre
    covariance = centred.T @ centred / len(features)
    ridge = strength * max(float(np.trace(covariance)) / len(covariance), 1e-12)
    weights = np.linalg.solve(
        covariance + ridge * np.eye(len(covariance)), centred.T @ (targets - mean) / len(features)
    )
    return weights, mean - float(centre @ weights)
