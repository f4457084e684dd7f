"""Rollouts as episodes of a Markov decision process, for algorithms that see a reward at each token.

*State* s_t: the prompt and the first t tokens of the completion. *Action* a_t: the token that comes next, any of the
vocabulary. *Transition*: appending it, deterministic. *Policy* pi(a_t | s_t): the language model at its temperature,
the one thing that is random (besides the prompt drawn, s_0). *Reward* r_t: the price of KL at each token, the
completion's score at the last, and the shaping. *Discount* gamma: 1 unless set. *Return* R_t = sum_k gamma^k r_{t+k}.
*Value* V(s_t): the return that is expected from s_t on. *End*: the end-of-turn token, or a cut (truncation.py).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from policy_training.advantages import leave_one_out_centred
from policy_training.kl import completion_rewards, token_rewards
from policy_training.learner import Learner
from policy_training.records import Given
from policy_training.rollouts import Rollouts
from policy_training.settings import TokenRewardedSettings
from policy_training.shaping import checked_potentials, shaping_rewards
from policy_training.truncation import cut_off, end_values, penalised


@dataclass(frozen=True)
class Episodes:
    """What the rollouts are worth, token by token; entries behind an episode's end are 0."""

    scores: Tensor  # (N,) as they go into the rewards: less a penalty, less a baseline; 0 where the episode goes on
    shaping: Tensor | None  # (N, C) the part of the rewards that is shaping
    rewards: Tensor  # (N, C)
    end_values: Tensor  # (N,) V(s_T), 0 at real ends
    worth: Tensor  # (N,) what counts in the end: scores less a penalty and the price of KL, no baseline, no shaping


def episodes_of(
    rollouts: Rollouts, given: Given, learner: Learner, settings: TokenRewardedSettings, *, centre_scores: bool = False
) -> Episodes:
    """Rewards at the present price of KL; with `centre_scores` the mean of the prompt's other samples is taken off each
    score. An episode that goes on has not come to its score yet: V(s_T) stands for it, and both would pay it twice.
    Raises BadPotential.
    """
    beta, read = learner.controller.beta, (rollouts.log_probs, rollouts.reference, rollouts.mask)
    scores = penalised(rollouts.scores, rollouts.sampled, settings)
    worth = completion_rewards(scores, *read, beta)
    if centre_scores:
        scores = leave_one_out_centred(scores, [item.id for item in rollouts.items])
    goes_on = cut_off(rollouts.sampled) & (settings.truncated == "bootstrap")
    scores = torch.where(goes_on, 0.0, scores)
    shaping = None
    if given.potential is not None:
        potentials = checked_potentials(given.potential(rollouts.items, rollouts.sampled), rollouts.sampled)
        shaping = shaping_rewards(potentials, rollouts.mask, settings.discount, goes_on)
    rewards = token_rewards(scores, *read, beta, shaping)
    return Episodes(scores, shaping, rewards, end_values(rollouts, learner, settings), worth)
