"""REINFORCE leave-one-out: a completion is one action, and the other completions of its prompt are its baseline.

Source: Ahmadian et al. 2024, "Back to basics", https://arxiv.org/abs/2402.14740; Kool, van Hoof, Welling 2019, "Buy 4
REINFORCE samples, get a baseline for free", https://openreview.net/forum?id=r1lgTGL5DE. Kept: the reward of a
completion is its score less beta times its KL (log pi - log pi_ref summed over its tokens), and its advantage is that
less the mean reward of the prompt's other samples; one epoch by default. Left out: clipping (the paper finds it hardly
ever at work), a value head, whitening, and any reward on the way: a shaping potential adds -Phi(s_0) to each completion
of a prompt, which the baseline takes off again.

In the first mini-batch, which is all there is in the paper, the gradient is A grad log pi(y | x). In later ones the
policy is no longer the one that sampled, and each completion counts times the importance ratio pi(y | x) / pi_old(y |
x) of the whole of it, unclipped, so that the mean of the gradient stays right. The loss is divided by the tokens of
the mini-batch, which scales it and changes nothing between completions: the log-probs of each are summed, not averaged.
"""

from collections.abc import Mapping

from torch import Tensor

from policy_training.advantages import leave_one_out_centred
from policy_training.algorithms.settings.rloo import Settings
from policy_training.iterations import Iteration, iterations
from policy_training.kl import completion_rewards
from policy_training.learner import Learner, TrainedPolicy
from policy_training.losses import completion_ratio, score_function_losses
from policy_training.records import Given
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
    rollouts = now.rollouts
    scores, beta = penalised(rollouts.scores, rollouts.sampled, settings), learner.controller.beta
    rewards = completion_rewards(scores, rollouts.log_probs, rollouts.reference, rollouts.mask, beta)
    advantages = leave_one_out_centred(rewards, [item.id for item in rollouts.items])
    now.advantages = advantages.unsqueeze(1).expand_as(rollouts.mask)
    figures = optimise(
        learner,
        given,
        rollouts,
        settings,
        _losses(advantages),
        epochs=settings.epochs,
        update_kl_target=settings.update_kl_target,
    )
    return figures | {"reward": float(rewards.mean())}


def _losses(advantages: Tensor) -> Losses:
    """-A log pi(y | x) over its tokens, times the importance ratio of the completion."""

    def losses(seen: Seen) -> tuple[Tensor, Mapping[str, Tensor]]:
        (advantage,) = seen.of(advantages.unsqueeze(1))
        weighted = advantage * completion_ratio(seen.log_probs, seen.old)
        policy = score_function_losses(seen.log_probs, weighted)
        return policy, {"policy_loss": policy}

    return losses
