"""Losses of tokens, pairs and completions, whose mean over the whole mini-batch is taken by who calls them. Pure
functions.

Those with a ratio: Schulman et al. 2017, https://arxiv.org/abs/1707.06347.
"""

from math import log

import torch
from torch import Tensor


def policy_losses(log_probs: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """(N, C) -min(A ratio, A clip(ratio, 1 +- clip)), Eq. 7, with ratio = exp(log pi - log pi_old)."""
    ratio = (log_probs - old).exp()
    return -torch.minimum(advantages * ratio, advantages * ratio.clamp(1 - clip, 1 + clip))


def value_losses(values: Tensor, old: Tensor, returns: Tensor, clip: float) -> Tensor:
    """(N, C) 0.5 max((v - R)^2, (clip(v, v_old +- clip) - R)^2).

    Not of the paper, whose value loss is the plain square (Eq. 9), but of its authors' code (OpenAI Baselines, ppo2)
    and of Ziegler et al. 2019 (https://github.com/openai/lm-human-preferences).
    """
    clipped = old + (values - old).clamp(-clip, clip)
    return 0.5 * torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)


def approximate_kl(log_probs: Tensor, old: Tensor) -> Tensor:
    """(N, C) k3 of old to new policy a token, never negative: (ratio - 1) - log ratio. By expm1: of ratios near 1
    rounding would leave nothing of it, or less than nothing."""
    log_ratio = log_probs - old
    return (torch.expm1(log_ratio) - log_ratio).clamp(min=0)


def clipped(log_probs: Tensor, old: Tensor, clip: float) -> Tensor:
    """(N, C) true where the ratio lies outside 1 +- clip."""
    return ((log_probs - old).exp() - 1).abs() > clip


def score_function_losses(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """(N, C) -A log pi, whose gradient on the policy's own samples is the policy gradient (Williams 1992,
    https://doi.org/10.1007/BF00992696). A carries no gradient."""
    return -advantages * log_probs


def completion_ratio(log_probs: Tensor, old: Tensor) -> Tensor:
    """(N, C) log-probs, 0 behind the end -> (N, 1) pi(y | x) / pi_old(y | x) of the whole completion, without
    gradient."""
    return (log_probs - old).detach().sum(1, keepdim=True).exp()


def squared_value_losses(values: Tensor, returns: Tensor) -> Tensor:
    """(N, C) 0.5 (v - R)^2."""
    return 0.5 * (values - returns) ** 2


def k3_losses(log_probs: Tensor, reference: Tensor) -> Tensor:
    """(N, C) k3 of policy to reference a token, never negative: pi_ref / pi - log(pi_ref / pi) - 1.

    Shao et al. 2024, https://arxiv.org/abs/2402.03300, Eq. 4. Its mean over the policy's samples is KL(pi || pi_ref),
    but the mean of its gradient is not that KL's: it is E_pi[(1 - pi_ref / pi) grad log pi] = -E_ref[grad log pi], the
    gradient of the forward KL(pi_ref || pi) at the states that the policy visits. The two agree near pi = pi_ref.
    """
    return approximate_kl(reference, log_probs)


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
