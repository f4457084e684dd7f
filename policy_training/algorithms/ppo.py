"""Proximal policy optimisation of a LoRA adapter against a reward that comes in as a callable.

Source: Schulman et al. 2017, https://arxiv.org/abs/1707.06347, as applied to language by Ziegler et al. 2019,
https://arxiv.org/abs/1909.08593. Kept: clipped policy and value losses, GAE, KL to the reference in the reward with an
adaptive price, early stop of an update, several epochs of mini-batches. Added, where it has a weight: imitation of
demonstrations beside the policy loss, a mini-batch of them in each optimiser step (as the pre-training loss of PPO-ptx,
Ouyang et al. 2022, https://arxiv.org/abs/2203.02155, Eq. 2). Left out: a value model of its own (the value
head reads the policy's top state), an entropy bonus (the KL keeps the policy spread), reward whitening (the reward is
normalised where it is trained). A completion that was cut off ends its episode and pays `truncation_penalty`.

An update: token rewards -> advantages -> epochs of mini-batches, each one optimiser step.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from language_models.log_probs import completion_pass
from policy_training.advantages import generalised_advantages, leave_one_out_centred, masked_mean, whiten
from policy_training.algorithms.settings.ppo import Settings
from policy_training.imitating import mixed_imitation
from policy_training.iterations import Iteration, iterations
from policy_training.kl import token_rewards
from policy_training.learner import Learner, TrainedPolicy
from policy_training.losses import approximate_kl, clipped, policy_losses, value_losses
from policy_training.optimiser_step import guarded_step
from policy_training.records import Given
from policy_training.rollouts import MicroBatch, Rollouts

NEEDS = ("prompts", "reward")


def train(given: Given, settings: Settings) -> TrainedPolicy:
    """Trains the given adapter and returns the best kept policy.

    Raises NonFiniteLoss after three bad losses in a row, with the mini-batch saved beside the checkpoints.
    """
    learner = Learner.start(given, settings, value_learning_rate=settings.value_learning_rate)
    with given.model.adapters.training(given.adapter):
        for now in iterations(learner, given, settings):
            now.metrics.update(_update(learner, now, given, settings))
    return learner.best()


def _update(learner: Learner, now: Iteration, given: Given, settings: Settings) -> dict[str, float]:
    """Several epochs over the rollouts; ends early once approx-KL passes 1.5 times its target."""
    rollouts = now.rollouts
    finished = torch.tensor([sampled.finished for sampled in rollouts.sampled])
    scores = rollouts.scores - settings.truncation_penalty * (~finished)
    if settings.centre_scores:
        scores = leave_one_out_centred(scores, [item.id for item in rollouts.items])
    rewards = token_rewards(scores, rollouts.log_probs, rollouts.reference, rollouts.mask, learner.controller.beta)
    advantages, returns = generalised_advantages(
        rewards, rollouts.values, rollouts.mask, settings.discount, settings.gae_lambda
    )
    advantages = whiten(advantages, rollouts.mask)
    seen: list[dict[str, float]] = []
    skipped = 0
    for epoch in range(settings.epochs):
        for number, minibatch in enumerate(rollouts.minibatches):
            figures = _minibatch_gradient(learner, minibatch, rollouts, advantages, returns, settings)
            if figures["approx_kl"] > 1.5 * settings.update_kl_target:
                learner.optimizer.zero_grad(set_to_none=True)
                return _summary(seen or [figures], rewards, epoch, skipped, rollouts, returns)
            place = (now.step * settings.epochs + epoch) * settings.minibatches + number
            figures |= mixed_imitation(learner, given.demonstrations, settings, place)
            seen.append(figures)
            skipped += guarded_step(learner, minibatch, figures, settings.max_grad_norm, given.checkpoint_folder)
    return _summary(seen, rewards, settings.epochs, skipped, rollouts, returns)


def _minibatch_gradient(
    learner: Learner,
    minibatch: Sequence[MicroBatch],
    rollouts: Rollouts,
    advantages: Tensor,
    returns: Tensor,
    settings: Settings,
) -> dict[str, float]:
    """Leaves the gradient of the mini-batch's mean loss a token in the parameters; micro-batches only save memory."""
    learner.optimizer.zero_grad(set_to_none=True)
    tokens = sum(int(micro.batch.completion_mask.sum()) for micro in minibatch)
    sums = dict.fromkeys(("policy_loss", "value_loss", "approx_kl", "clip_fraction"), 0.0)
    for micro in minibatch:
        mask = micro.batch.completion_mask
        old, old_values, advantage, target = (
            whole[micro.rows, : mask.shape[1]].to(mask.device)
            for whole in (rollouts.log_probs, rollouts.values, advantages, returns)
        )
        new = completion_pass(learner.model, micro.batch, settings.sampling.temperature)
        assert learner.value_head is not None
        values = learner.value_head(new.states)
        policy = (policy_losses(new.log_probs, old, advantage, settings.clip) * mask).sum() / tokens
        value = (value_losses(values, old_values, target, settings.value_clip) * mask).sum() / tokens
        (policy + settings.value_coefficient * value).backward()
        with torch.no_grad():
            sums["policy_loss"] += float(policy)
            sums["value_loss"] += float(value)
            sums["approx_kl"] += float((approximate_kl(new.log_probs, old) * mask).sum() / tokens)
            sums["clip_fraction"] += float((clipped(new.log_probs, old, settings.clip) & mask).sum() / tokens)
    return sums


def _summary(
    seen: list[dict[str, float]], rewards: Tensor, epochs: int, skipped: int, rollouts: Rollouts, returns: Tensor
) -> dict[str, float]:
    means = {name: sum(figures[name] for figures in seen) / len(seen) for name in seen[0]}
    residual = masked_mean((returns - rollouts.values) ** 2, rollouts.mask)
    spread = masked_mean((returns - masked_mean(returns, rollouts.mask)) ** 2, rollouts.mask)
    return means | {
        "reward": float(rewards.sum(1).mean()),
        "epochs": float(epochs),
        "skipped_steps": float(skipped),
        "explained_variance": float(1 - residual / (spread + 1e-8)),
    }
