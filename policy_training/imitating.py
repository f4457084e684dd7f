"""Imitation of demonstrations: the gradient of their cross-entropy, alone or beside another loss."""

from collections.abc import Sequence

import torch

from language_models.batches import token_batches
from language_models.errors import NothingToTrain
from language_models.log_probs import completion_pass
from policy_training.learner import Learner
from policy_training.losses import imitation_losses
from policy_training.passes import in_passes, with_mean_weight_one
from policy_training.records import Demonstration
from policy_training.rollouts import MicroBatch
from policy_training.settings import MixedImitationSettings, TrainingSettings
from policy_training.updates import Beside


def demonstrations_that_count(demonstrations: Sequence[Demonstration]) -> list[Demonstration]:
    """Those with a weight, their mean weight 1. Raises NothingToTrain where there are none."""
    counting = with_mean_weight_one(demonstrations)
    if not counting:
        raise NothingToTrain("there are no demonstrations: improve some completions, or choose between some")
    return counting


def add_imitation_gradient(
    learner: Learner, demonstrations: Sequence[Demonstration], settings: TrainingSettings, coefficient: float = 1.0
) -> tuple[float, list[MicroBatch]]:
    """Adds to the parameters' gradients that of `coefficient` times the weighted cross-entropies of a mini-batch's
    tokens over their number, each token by its demonstration's weight (whose mean over all demonstrations is 1).

    Returns their weighted mean, nats a token, with the mini-batch as it went through the model. Micro-batches only save
    memory.
    """
    prompts, shown = [one.prompt_ids for one in demonstrations], [one.completion_ids for one in demonstrations]
    tokens = sum(map(len, shown))
    weighted = sum(one.weight * len(one.completion_ids) for one in demonstrations)
    total, minibatch = 0.0, []
    for rows, batch in learner.model.in_parts(prompts, shown, token_batches(prompts, shown, settings.tokens_per_batch)):
        log_probs = completion_pass(learner.model, batch, settings.sampling.temperature).log_probs
        weights = torch.tensor([demonstrations[row].weight for row in rows], device=log_probs.device)
        share = (weights * imitation_losses(log_probs, batch.completion_mask)).sum() / tokens
        (coefficient * share).backward()
        total += float(share.detach()) * tokens
        minibatch.append(MicroBatch(torch.tensor(rows), batch))
    return total / weighted, minibatch


def mixed_imitation(
    learner: Learner, demonstrations: Sequence[Demonstration], settings: MixedImitationSettings, place: int
) -> Beside:
    """Adds the imitation of a mini-batch to the gradients of optimiser step `place` (0, 1, ... of the run), where the
    settings give it a weight; returns its figure and rows. Which demonstrations come hangs on (seed, place) alone.
    """
    if not settings.imitation_coefficient:
        return {}, []
    drawn = in_passes(len(demonstrations), settings.imitation_batch, place, (settings.seed, 4))
    shown = [demonstrations[row] for row in drawn]
    loss, minibatch = add_imitation_gradient(learner, shown, settings, settings.imitation_coefficient)
    return {"imitation_loss": loss}, minibatch
