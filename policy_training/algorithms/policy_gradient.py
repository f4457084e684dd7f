"""The policy gradient in its plainest form: REINFORCE with returns-to-go and a baseline, one step an iteration.

Source: Williams 1992, "Simple statistical gradient-following algorithms for connectionist reinforcement learning",
https://doi.org/10.1007/BF00992696; Sutton, McAllester, Singh, Mansour 2000, "Policy gradient methods for reinforcement
learning with function approximation", NIPS 12, Theorem 1: grad J = E[sum_t (R_t - b_t) grad log pi(a_t | s_t)], where
the return R_t is of what comes from the action on alone. The baseline b_t is the mean return at the same token of the
prompt's other completions, which the row's own actions cannot change. KL is in the reward of each token.

Left out: a ratio and clipping, and with them more than one step on the same rollouts (with four at the same
learning rate the toy task of the tests is not learned at all), a value head, whitening, and the factor gamma^t of a
discounted J, as everyone leaves it out (with gamma = 1 it is 1).
"""

from collections.abc import Mapping

from torch import Tensor

from policy_training.advantages import leave_one_out_baselines, returns_to_go
from policy_training.algorithms.settings.policy_gradient import Settings
from policy_training.episodes import episodes_of
from policy_training.iterations import Iteration, iterations
from policy_training.learner import Learner, TrainedPolicy
from policy_training.losses import score_function_losses
from policy_training.records import Given
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
    episodes = episodes_of(rollouts, given, learner, settings)
    returns = returns_to_go(episodes.rewards, rollouts.mask, settings.discount)
    baselines = leave_one_out_baselines(returns, rollouts.mask, [item.id for item in rollouts.items])
    now.episodes, now.advantages = episodes, returns - baselines
    figures = optimise(learner, given, rollouts, settings, _losses(now.advantages))
    return figures | {"reward": float(episodes.worth.mean())}


def _losses(advantages: Tensor) -> Losses:
    """-(R_t - b_t) log pi(a_t | s_t)."""

    def losses(seen: Seen) -> tuple[Tensor, Mapping[str, Tensor]]:
        (advantage,) = seen.of(advantages)
        policy = score_function_losses(seen.log_probs, advantage)
        return policy, {"policy_loss": policy}

    return losses
