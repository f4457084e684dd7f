"""PPO's losses as sums over tokens, to be divided by the token count of the whole mini-batch. Pure functions.

Schulman et al. 2017, https://arxiv.org/abs/1707.06347.
"""

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
