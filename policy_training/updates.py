"""From a loss of each token to optimiser steps: what the updates of all algorithms on rollouts have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from language_models.log_probs import completion_pass
from policy_training.learner import Learner
from policy_training.losses import approximate_kl
from policy_training.optimiser_step import finite_mean, guarded_step
from policy_training.records import Given
from policy_training.rollouts import MicroBatch, Rollouts
from policy_training.settings import TrainingSettings


@dataclass(frozen=True)
class Seen:
    """b rollouts as the weights of this moment see them, with gradients; up to C tokens each, 0 behind their ends."""

    log_probs: Tensor  # (b, C) log pi of the tokens, nats
    old: Tensor  # (b, C) log pi_old: of the policy that sampled them
    values: Tensor  # (b, C); 0 without a value head
    mask: Tensor  # (b, C) bool
    rows: Tensor  # (b,) which of the rollouts they are

    def of(self, *whole: Tensor) -> tuple[Tensor, ...]:
        """The part of (N, C) tensors of all rollouts that belongs to these rows."""
        return tuple(each[self.rows, : self.mask.shape[1]].to(self.mask.device) for each in whole)


Losses = Callable[[Seen], tuple[Tensor, Mapping[str, Tensor]]]
"""What an algorithm makes of a micro-batch: the (b, C) loss of each token, and (b, C) figures to show by name. Of both
the mean over the real tokens of the whole mini-batch counts."""


Beside = tuple[Mapping[str, float], Sequence[MicroBatch]]
"""Figures of what was added to the gradients of a step, and the rows that they come from."""


def optimise(
    learner: Learner,
    given: Given,
    rollouts: Rollouts,
    settings: TrainingSettings,
    losses: Losses,
    *,
    epochs: int = 1,
    update_kl_target: float = inf,
    beside: Callable[[int], Beside] = lambda _: ({}, []),
) -> dict[str, float]:
    """Epochs over the mini-batches of the rollouts, each one optimiser step; ends early once approx-KL a token passes
    1.5 times its target. Returns the figures' means over the mini-batches that were looked at (the one that ended it
    included, or it would look calm), finished epochs, and steps skipped. `beside` adds
    what it likes to the gradients of step 0, 1, ... and tells its figures and what it ran through the model for them.

    Raises NonFiniteLoss after three bad losses in a row, with the step's rows saved beside the checkpoints.
    """
    seen: list[dict[str, float]] = []
    skipped = 0
    for epoch in range(epochs):
        for number, minibatch in enumerate(rollouts.minibatches):
            given.check()
            figures = accumulate(learner, minibatch, rollouts, settings.sampling.temperature, losses)
            if figures["approx_kl"] > 1.5 * update_kl_target:
                learner.optimizer.zero_grad(set_to_none=True)
                return _means([*seen, figures], epoch, skipped)
            more, rows = beside(epoch * settings.minibatches + number)
            figures |= more
            seen.append(figures)
            skipped += guarded_step(
                learner, [*minibatch, *rows], figures, settings.max_grad_norm, given.checkpoint_folder
            )
    return _means(seen, epochs, skipped)


def accumulate(
    learner: Learner, minibatch: Sequence[MicroBatch], rollouts: Rollouts, temperature: float, losses: Losses
) -> dict[str, float]:
    """Leaves the gradient of the mini-batch's mean loss a token in the parameters; returns the mean figures.

    The sum is divided by the token count of the whole mini-batch, so that micro-batches only save memory, and a token
    counts the same whether its completion is short or long.
    """
    learner.optimizer.zero_grad(set_to_none=True)
    tokens = sum(int(micro.batch.completion_mask.sum()) for micro in minibatch)
    sums: dict[str, float] = {}
    for micro in minibatch:
        seen = see(learner, micro, rollouts, temperature)
        loss, figures = losses(seen)
        (torch.where(seen.mask, loss, 0.0).sum() / tokens).backward()
        with torch.no_grad():
            shown = {**figures, "approx_kl": approximate_kl(seen.log_probs, seen.old)}
            for name, values in shown.items():
                sums[name] = sums.get(name, 0.0) + float(torch.where(seen.mask, values, 0.0).sum() / tokens)
    return sums


def see(learner: Learner, micro: MicroBatch, rollouts: Rollouts, temperature: float) -> Seen:
    """A micro-batch in one pass: log-probs and values come from the same states."""
    mask = micro.batch.completion_mask
    new = completion_pass(learner.model, micro.batch, temperature)
    values = torch.zeros_like(new.log_probs) if learner.value_head is None else learner.value_head(new.states)
    old = rollouts.log_probs[micro.rows, : mask.shape[1]].to(mask.device)
    return Seen(new.log_probs, old, values, mask, micro.rows)


def _means(seen: Sequence[Mapping[str, float]], epochs: int, skipped: int) -> dict[str, float]:
    """Of the steps; those that were skipped are counted, and of their figures what is no number is left out."""
    means: dict[str, float] = {}
    for name in seen[0]:
        means |= finite_mean(name, [figures[name] for figures in seen if name in figures])
    return means | {"epochs": float(epochs), "skipped_steps": float(skipped)}
