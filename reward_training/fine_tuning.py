"""The reward's second stage: its adapter is trained under the fitted head, step by step, and survives a kill."""

from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from language_models.checkpoints import (
    Checkpoint,
    latest_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from language_models.non_finite import NON_FINITE_IN_A_ROW, not_finite
from language_models.pause_points import pause_point
from reward_training.likelihood import davidson
from reward_training.model import RewardModel
from reward_training.pair_arrays import PairArrays, unique_texts
from reward_training.records import Pair
from reward_training.settings import RewardSettings

OnStep = Callable[[dict[str, Any]], None]
ADAM_EPSILON = 1e-5
CHECKPOINT_EVERY = 4  # steps: a checkpoint costs about a fifth of a step of the bundled model


def steps_of(pairs: int, settings: RewardSettings) -> int:
    """Optimiser steps of a training on so many pairs."""
    return settings.epochs * -(-pairs // settings.pairs_per_step)


def fine_tune(
    model: RewardModel,
    pairs: Sequence[Pair],
    arrays: PairArrays,
    anchor: float,
    settings: RewardSettings,
    folder: Path,
    on_step: OnStep,
) -> int:
    """Trains the adapter under the fitted head, which stays as it is; returns how many steps were skipped.

    `arrays`: the pairs as they weigh; `anchor`: the raw score of the average reference text, which both texts of a bad
    pair are held against. Goes on from the newest checkpoint in `folder`.

    The order of the pairs is drawn from (seed, epoch) and the learning rate is a function of the step, so that a
    resumed run needs nothing but adapter, optimiser and how many steps were skipped. A step whose loss or gradient is
    no number is skipped, counted and told.
    """
    total, per_epoch = steps_of(len(pairs), settings), -(-len(pairs) // settings.pairs_per_step)
    model.head.requires_grad_(False)
    with model.trunk.adapters.training(model.adapter) as parameters:
        optimizer = torch.optim.Adam(parameters, lr=settings.learning_rate, eps=ADAM_EPSILON)
        done, skipped, in_a_row, told = _resume(model, optimizer, latest_checkpoint(folder))
        if told:  # once more: a kill may have come between the checkpoint and its report
            on_step(told)
        for step in range(done, total):
            order = np.random.default_rng([settings.seed, step // per_epoch]).permutation(len(pairs))
            start = (step % per_epoch) * settings.pairs_per_step
            chosen = order[start : start + settings.pairs_per_step]
            optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 - step / total)
            loss = _step(model, pairs, chosen, arrays, anchor, parameters, optimizer, settings)
            skipped, in_a_row = (skipped, 0) if loss is not None else (skipped + 1, in_a_row + 1)
            if in_a_row >= NON_FINITE_IN_A_ROW:
                texts = unique_texts([pairs[row] for row in chosen])[0]
                batches = [batch for _, batch in model.batches(texts)]
                weights = model.trunk.adapters.parameters(model.adapter)
                raise not_finite("the reward's loss or gradient", weights, batches, folder)
            told = {"stage": "adapter", "done": step + 1, "steps": total, "skipped_steps": int(loss is None)}
            told |= {"loss": loss} if loss is not None else {}
            if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == total:
                state = {"skipped": skipped, "skipped_in_a_row": in_a_row, "told": told}
                _save(model, optimizer, folder, step + 1, state)
            on_step(told)
    return skipped


def _save(model: RewardModel, optimizer: torch.optim.Optimizer, folder: Path, step: int, state: dict[str, Any]) -> None:
    adapter = model.trunk.adapters.parameters(model.adapter)
    save_checkpoint(folder, step, {"adapter": adapter, "optimizer": optimizer_tensors(optimizer)}, state)


def _resume(
    model: RewardModel, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint | None
) -> tuple[int, int, int, dict[str, Any]]:
    """How many steps are behind the checkpoint, how many of them were skipped, how many of these in a row at its end,
    and what is told of the last."""
    if checkpoint is None:
        return 0, 0, 0, {}
    with torch.no_grad():
        for name, parameter in model.trunk.adapters.parameters(model.adapter).items():
            parameter.copy_(checkpoint.group("adapter")[name])
    restore_optimizer(optimizer, checkpoint.group("optimizer"))
    state = checkpoint.state  # that of an earlier version is empty
    return checkpoint.step, state.get("skipped", 0), state.get("skipped_in_a_row", 0), state.get("told", {})


def _step(
    model: RewardModel,
    pairs: Sequence[Pair],
    rows: NDArray[np.int64],
    arrays: PairArrays,
    anchor: float,
    parameters: list[torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    settings: RewardSettings,
) -> float | None:
    """One optimiser step on a few pairs, their gradients taken part by part. The loss's derivative by the score
    differences comes from the likelihood. None where loss or gradient is no number: then nothing has changed."""
    optimizer.zero_grad(set_to_none=True)
    # The likelihood is a mean: without this, pairs of unreliable people would count in full where they meet in a step.
    whole = len(rows) * arrays.weights.mean()
    loss, weight = 0.0, 0.0
    for places in model.parts([pairs[row] for row in rows]):
        part = rows[places]
        few = arrays.chosen(part)
        if not few.weights.any():
            continue
        texts, first, second = unique_texts([pairs[row] for row in part])
        scores = model.raw(model.features(texts))
        against = [scores[first[few.both_bad]] - anchor, scores[second[few.both_bad]] - anchor]
        differences = torch.cat([scores[first] - scores[second], *against])
        few = few.anchored(settings.loss.both_bad)
        likelihood = davidson(
            differences.detach().cpu().double().numpy(), few.outcomes, few.weights, model.log_nu, few.side_bias,
            margins=few.margins, smoothing=settings.loss.smoothing,
        )  # fmt: skip
        share = float(few.weights.sum())
        differences.backward(gradient=torch.as_tensor(share / whole * likelihood.by_difference).to(differences))
        loss, weight = loss + share * likelihood.loss, weight + share
    norm = torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
    pause_point("inside-optimiser-step")
    if not (isfinite(loss) and torch.isfinite(norm)):
        optimizer.zero_grad(set_to_none=True)
        return None
    optimizer.step()
    return loss / weight if weight else 0.0
