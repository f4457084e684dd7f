"""An optimiser step that refuses what is no number."""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from statistics import fmean

import torch

from language_models.non_finite import NON_FINITE_IN_A_ROW, not_finite
from language_models.pause_points import pause_point
from policy_training.learner import Learner
from policy_training.rollouts import MicroBatch


def guarded_step(
    learner: Learner,
    minibatch: Sequence[MicroBatch],
    figures: Mapping[str, float],
    max_grad_norm: float,
    folder: Path,
) -> int:
    """Clips the gradient and takes the optimiser step unless loss or gradient is not finite; returns 1 for a skipped
    step.

    Three in a row raise NonFiniteLoss; weights and mini-batch are saved in `folder` for whoever wants to look.
    """
    parameters = [parameter for group in learner.optimizer.param_groups for parameter in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_grad_norm)
    pause_point("inside-optimiser-step")
    if torch.isfinite(norm) and all(isfinite(value) for value in figures.values()):
        learner.optimizer.step()
        pause_point("optimiser-step-taken")
        learner.skipped_in_a_row = 0
        return 0
    learner.optimizer.zero_grad(set_to_none=True)
    learner.skipped_in_a_row += 1
    if learner.skipped_in_a_row >= NON_FINITE_IN_A_ROW:
        batches = [micro.batch for micro in minibatch]
        raise not_finite(f"loss or gradient ({dict(figures)})", learner.weights(), batches, folder)
    return 1


def finite_mean(name: str, values: Sequence[float]) -> dict[str, float]:
    """The figure `name` of an iteration: the mean over its steps that were taken; nothing where all were skipped."""
    finite = [value for value in values if isfinite(value)]
    return {name: fmean(finite)} if finite else {}
