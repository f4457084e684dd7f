"""Losses as pure functions of log-probabilities, row by row: the mean over a mini-batch is taken by who calls them.

PPO's are sums over tokens, to be divided by the token count of the whole mini-batch: Schulman et al. 2017,
https://arxiv.org/abs/1707.06347.
"""

from math import log

import torch
from torch import Tensor


def policy_losses(log_probs: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """(N, C) -min(A ratio, A clip(ratio, 1 +- clip)), Eq. 7, with ratio = exp(log pi - log pi_old)."""
    ratio = (log_probs - old).exp()
    return -torch.minimum(advantages * ratio, advantages * ratio.clamp(1 - clip, 1 + clip))


def value_losses(values: Tensor, old: Tensor, returns: Tensor, clip: float) -> Tensor:
    """(N, C) 0.5 max((v - R)^2, (clip(v, v_old +- clip) - R)^2)."""
    clipped = old + (values - old).clamp(-clip, clip)
    return 0.5 * torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)


def approximate_kl(log_probs: Tensor, old: Tensor) -> Tensor:
    """(N, C) k3 of old to new policy a token, never negative: (ratio - 1) - log ratio."""
    log_ratio = log_probs - old
    return log_ratio.exp() - 1 - log_ratio


def clipped(log_probs: Tensor, old: Tensor, clip: float) -> Tensor:
    """(N, C) true where the ratio lies outside 1 +- clip."""
    return ((log_probs - old).exp() - 1).abs() > clip


def preference_losses(differences: Tensor, ties: Tensor, tie_nu: float, smoothing: float = 0.0) -> Tensor:
    """(N,) implicit reward differences d, chosen less rejected, and (N,) bool ties -> (N,) -log P(what was said), nats.

    Davidson 1970, Eq. 2.1: P(chosen) : P(tie) : P(rejected) = exp(d / 2) : nu : exp(-d / 2). With d = beta (log pi /
    pi_ref of the chosen - that of the rejected) this is DPO-D of Chen et al. 2024, https://arxiv.org/abs/2409.17431,
    and without ties (nu = 0) -log sigmoid(d), Eq. 7 of Rafailov et al. 2023, https://arxiv.org/abs/2305.18290.

    `smoothing`: the share of decided pairs taken as said the wrong way round (E. Mitchell, "A note on DPO with noisy
    preferences", 2023). A tie stays a tie.
    """
    level = torch.full_like(differences, log(tie_nu) if tie_nu > 0 else float("-inf"))
    log_p = torch.log_softmax(torch.stack([differences / 2, level, -differences / 2], dim=-1), dim=-1)
    chosen, tied, rejected = log_p.unbind(-1)
    return -torch.where(ties, tied, (1 - smoothing) * chosen + smoothing * rejected)


def imitation_losses(log_probs: Tensor, mask: Tensor) -> Tensor:
    """(N, C) log-probs of demonstrated completions -> (N,) their cross-entropy, summed over their tokens (EOS
    included), nats."""
    return -torch.where(mask, log_probs, 0.0).sum(1)
