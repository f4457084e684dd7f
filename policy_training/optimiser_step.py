"""An optimiser step that refuses what is no number."""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from statistics import fmean

import torch
from safetensors.torch import save_file

from language_models.errors import NonFiniteLoss
from language_models.pause_points import pause_point
from policy_training.learner import Learner
from policy_training.rollouts import MicroBatch

NON_FINITE_IN_A_ROW = 3


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
        folder.mkdir(parents=True, exist_ok=True)
        saved = {name: value.detach().cpu().contiguous() for name, value in learner.weights().items()}
        saved |= {f"input_ids.{index}": micro.batch.input_ids.cpu() for index, micro in enumerate(minibatch)}
        save_file(saved, folder / "non-finite.safetensors")
        raise NonFiniteLoss(
            f"loss or gradient was not finite {NON_FINITE_IN_A_ROW} times in a row ({dict(figures)}); "
            "try a lower learning rate. Weights and batch are in non-finite.safetensors beside the checkpoints"
        )
    return 1


def finite_mean(name: str, values: Sequence[float]) -> dict[str, float]:
    """The figure `name` of an iteration: the mean over its steps that were taken; nothing where all were skipped."""
    finite = [value for value in values if isfinite(value)]
    return {name: fmean(finite)} if finite else {}
