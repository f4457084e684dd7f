"""Group relative policy optimisation: PPO's clipped loss with advantages from a group of completions, KL as a loss.

Source: Shao et al. 2024, "DeepSeekMath", https://arxiv.org/abs/2402.03300, section 4.1. Kept: the advantage of each
token is the completion's score, normalised to mean 0 and sd 1 within the completions of its prompt (outcome
supervision); the clipped ratio a token (Eq. 3); k3 as KL in the loss (Eq. 4). A group of equal scores has the advantage
0 and learns nothing but to stay near the reference.

k3 in the loss is not KL in the reward. The mean of its gradient is that of the forward KL(pi_ref || pi) at the states
which the policy visits, not that of the reverse KL(pi || pi_ref): it is light on tokens that the reference hardly ever
writes and the policy often does, so that beta buys less there (`losses.k3_losses`). And as the scores are divided by
their spread, beta is a price in standard deviations of a group.

Left out: 1 / |o_i|, the mean over the tokens of each completion before that over completions. Here a mini-batch's loss
is the mean over its tokens, as in Yu et al. 2025 ("DAPO", https://arxiv.org/abs/2503.14476, Eq. 8): with 1 / |o_i| a
token of a long bad completion is punished less than one of a short bad one, which makes bad answers longer (Liu et al.
2025, https://arxiv.org/abs/2503.20783). Also process supervision, and a reference that moves. Added: the controller of
beta and the early end of an update, as in PPO.
"""

from collections.abc import Mapping

from torch import Tensor

from policy_training.advantages import group_normalised
from policy_training.algorithms.settings.grpo import Settings
from policy_training.iterations import Iteration, iterations
from policy_training.kl import completion_rewards
from policy_training.learner import Learner, TrainedPolicy
from policy_training.losses import clipped, k3_losses, policy_losses
from policy_training.records import Given
from policy_training.rollouts import Rollouts
from policy_training.truncation import penalised
from policy_training.updates import Losses, Seen, optimise

NEEDS = ("prompts", "reward")


def train(given: Given, settings: Settings) -> TrainedPolicy:
    """Trains the given adapter and returns the kept policy."""
    learner = Learner.start(given, settings)
    with learner.training():
        for now in iterations(learner, given, settings):
            now.metrics.update(_update(learner, now, given, settings))
    return learner.kept_policy()


def _update(learner: Learner, now: Iteration, given: Given, settings: Settings) -> dict[str, float]:
    rollouts, beta = now.rollouts, learner.controller.beta
    scores = penalised(rollouts.scores, rollouts.sampled, settings)
    advantages = group_normalised(scores, [item.id for item in rollouts.items])
    now.advantages = advantages.unsqueeze(1).expand_as(rollouts.mask)
    figures = optimise(
        learner,
        given,
        rollouts,
        settings,
        _losses(rollouts, advantages, beta, settings),
        epochs=settings.epochs,
        update_kl_target=settings.update_kl_target,
    )
    rewards = completion_rewards(scores, rollouts.log_probs, rollouts.reference, rollouts.mask, beta)
    return figures | {"reward": float(rewards.mean())}


def _losses(rollouts: Rollouts, advantages: Tensor, beta: float, settings: Settings) -> Losses:
    """The clipped policy loss, and the price of k3."""

    def losses(seen: Seen) -> tuple[Tensor, Mapping[str, Tensor]]:
        advantage, reference = seen.of(advantages.unsqueeze(1), rollouts.reference)
        policy = policy_losses(seen.log_probs, seen.old, advantage, settings.clip)
        kl = k3_losses(seen.log_probs, reference)
        return policy + beta * kl, {
            "policy_loss": policy,
            "kl_loss": kl,
            "clip_fraction": clipped(seen.log_probs, seen.old, settings.clip),
        }

    return losses
