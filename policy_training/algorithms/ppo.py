"""Proximal policy optimisation of a LoRA adapter against a reward that comes in as a callable.

Source: Schulman et al. 2017, https://arxiv.org/abs/1707.06347, as applied to language by Ziegler et al. 2019,
https://arxiv.org/abs/1909.08593. Kept of the first: the clipped policy loss, GAE, several epochs of mini-batches; of
the second: KL to the reference in the reward with an adaptive price, and, from its code alone
(https://github.com/openai/lm-human-preferences), whitened advantages and the clipped value loss. Added: the mean of the
prompt's other samples taken off each score (`centre_scores`), the early end of an update (as in OpenAI's Spinning Up),
and, where it has a weight, imitation of demonstrations beside the policy loss, as the pre-training loss of PPO-ptx
(Ouyang et al. 2022, https://arxiv.org/abs/2203.02155, Eq. 2). Left out: a value model of its own (the value head reads
the policy's top state), an entropy bonus (the KL keeps the policy spread), reward whitening (the reward is normalised
where it is trained), mini-batches drawn anew in each epoch (the layout stays, so that the ratio starts at exactly 1).

An iteration, in the order in which it happens (N completions of at most C tokens):

1. `rollouts.collect`: completions are drawn, scored (N,), and read once by policy and reference: log-probs and values
   (N, C).
2. `episodes.episodes_of`: score, price of KL and shaping become rewards of tokens (N, C), `kl.token_rewards`.
3. `advantages.generalised_advantages` and `whiten`: rewards and values become advantages and returns (N, C).
4. `updates.optimise`: for each epoch and mini-batch `updates.see` reads the completions again with gradients, `_losses`
   says what each token costs, `updates.accumulate` takes the mean over the mini-batch's tokens, and
   `optimiser_step.guarded_step` takes the step.
5. `iterations.iterations`, around it all: alarms, the policy that is kept, the price of KL, the checkpoint.
"""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from policy_training.advantages import explained_variance, generalised_advantages, whiten
from policy_training.algorithms.settings.ppo import Settings
from policy_training.episodes import episodes_of
from policy_training.imitating import demonstrations_that_count, mixed_imitation
from policy_training.iterations import Iteration, iterations
from policy_training.learner import Learner, TrainedPolicy
from policy_training.losses import clipped, policy_losses, value_losses
from policy_training.records import Given
from policy_training.rollouts import Rollouts
from policy_training.updates import Losses, Seen, optimise

NEEDS = ("prompts", "reward")


def train(given: Given, settings: Settings) -> TrainedPolicy:
    """Trains the given adapter and returns the kept policy. Raises NothingToTrain where imitation has a weight and
    nothing to imitate."""
    if settings.imitation_coefficient:
        given = replace(given, demonstrations=demonstrations_that_count(given.demonstrations))
    learner = Learner.start(given, settings, value_learning_rate=settings.value_learning_rate)
    with learner.training():
        for now in iterations(learner, given, settings):
            now.metrics.update(_update(learner, now, given, settings))
    return learner.kept_policy()


def _update(learner: Learner, now: Iteration, given: Given, settings: Settings) -> dict[str, float]:
    rollouts = now.rollouts
    centre = settings.centre_scores and settings.samples_per_prompt > 1
    episodes = episodes_of(rollouts, given, learner, settings, centre_scores=centre)
    advantages, returns = generalised_advantages(
        episodes.rewards,
        rollouts.values,
        rollouts.mask,
        settings.discount,
        settings.gae_lambda,
        episodes.end_values,
    )
    advantages = whiten(advantages, rollouts.mask)
    now.episodes, now.advantages = episodes, advantages
    before = now.step * settings.epochs * settings.minibatches  # optimiser steps of the run
    figures = optimise(
        learner,
        given,
        rollouts,
        settings,
        _losses(rollouts, advantages, returns, settings),
        epochs=settings.epochs,
        update_kl_target=settings.update_kl_target,
        beside=lambda step: mixed_imitation(learner, given.demonstrations, settings, before + step),
    )
    return figures | {
        "reward": float(episodes.worth.mean()),
        "explained_variance": explained_variance(rollouts.values, returns, rollouts.mask),
    }


def _losses(rollouts: Rollouts, advantages: Tensor, returns: Tensor, settings: Settings) -> Losses:
    """The clipped policy loss, and the weighted clipped value loss."""

    def losses(seen: Seen) -> tuple[Tensor, Mapping[str, Tensor]]:
        advantage, target, old_values = seen.of(advantages, returns, rollouts.values)
        policy = policy_losses(seen.log_probs, seen.old, advantage, settings.clip)
        value = value_losses(seen.values, old_values, target, settings.value_clip)
        return policy + settings.value_coefficient * value, {
            "policy_loss": policy,
            "value_loss": value,
            "clip_fraction": clipped(seen.log_probs, seen.old, settings.clip),
        }

    return losses
