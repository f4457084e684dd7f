"""Advantage actor-critic: the policy gradient with the value head as critic, by TD errors or n-step returns.

Source: Mnih et al. 2016, "Asynchronous methods for deep reinforcement learning", https://arxiv.org/abs/1602.01783,
section 4, in its synchronous form (A2C); Sutton and Barto 2018, "Reinforcement learning", section 13.5,
http://incompleteideas.net/book/the-book-2nd.html. The advantage is R_t - V(s_t), where the return R_t is of `n_steps`
rewards and the value of the state that comes then, for every state (the paper's returns all end where a segment of at
most t_max steps does); 1 makes it the TD(0) error, the length of a completion or more REINFORCE with V as its baseline.
KL is in the reward of each token. The value loss is 0.5 (V(s_t) - R_t)^2.

Left out: workers that run asynchronously, the entropy bonus (the KL keeps the policy spread), RMSProp (Adam, as
everywhere here), whitening, a ratio and clipping, and with them more than one step on the same rollouts. The values
start at 0, or as the start policy left them, and the score comes at the end: with few steps it takes many iterations
to reach the first tokens.
"""

from collections.abc import Mapping

from torch import Tensor

from policy_training.advantages import explained_variance, n_step_advantages
from policy_training.algorithms.settings.actor_critic import Settings
from policy_training.episodes import episodes_of
from policy_training.iterations import Iteration, iterations
from policy_training.learner import Learner, TrainedPolicy
from policy_training.losses import score_function_losses, squared_value_losses
from policy_training.records import Given
from policy_training.updates import Losses, Seen, optimise

NEEDS = ("prompts", "reward")


def train(given: Given, settings: Settings) -> TrainedPolicy:
    """Trains the given adapter and returns the kept policy."""
    learner = Learner.start(given, settings, value_learning_rate=settings.value_learning_rate)
    with learner.training():
        for now in iterations(learner, given, settings):
            now.metrics.update(_update(learner, now, given, settings))
    return learner.kept_policy()


def _update(learner: Learner, now: Iteration, given: Given, settings: Settings) -> dict[str, float]:
    rollouts = now.rollouts
    episodes = episodes_of(rollouts, given, learner, settings)
    advantages, returns = n_step_advantages(
        episodes.rewards, rollouts.values, rollouts.mask, settings.discount, settings.n_steps, episodes.end_values
    )
    now.episodes, now.advantages = episodes, advantages
    figures = optimise(learner, given, rollouts, settings, _losses(advantages, returns, settings))
    return figures | {
        "reward": float(episodes.worth.mean()),
        "explained_variance": explained_variance(rollouts.values, returns, rollouts.mask),
    }


def _losses(advantages: Tensor, returns: Tensor, settings: Settings) -> Losses:
    """-(R_t - V(s_t)) log pi(a_t | s_t), and the weighted squared error of V(s_t)."""

    def losses(seen: Seen) -> tuple[Tensor, Mapping[str, Tensor]]:
        advantage, target = seen.of(advantages, returns)
        policy = score_function_losses(seen.log_probs, advantage)
        value = squared_value_losses(seen.values, target)
        return policy + settings.value_coefficient * value, {"policy_loss": policy, "value_loss": value}

    return losses
