"""KL to the reference policy: its estimates, its place in the reward, and the controller of its price."""

from dataclasses import dataclass

import torch
from torch import Tensor

from policy_training.losses import k3_losses


def token_rewards(
    scores: Tensor, log_probs: Tensor, reference: Tensor, mask: Tensor, beta: float, shaping: Tensor | None = None
) -> Tensor:
    """(N,) scores and (N, C) log-probs -> (N, C) rewards: r_t = -beta (log pi - log pi_ref) + F_t, the score at the
    last token.

    Ziegler et al. 2019, https://arxiv.org/abs/1909.08593, Eq. 2. So sum_t r_t = score - beta sum_t (log pi - log
    pi_ref) + sum_t F_t, where `shaping` are the F_t of shaping.py (None: 0).
    """
    rewards = torch.where(mask, -beta * (log_probs - reference), 0.0)
    last = mask.sum(1) - 1
    rewards[torch.arange(len(scores)), last] += scores
    return rewards if shaping is None else rewards + shaping


def kl_per_sequence(log_probs: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """(N,) nats: log pi - log pi_ref summed over each completion (the k1 estimate; single rows may be negative)."""
    return torch.where(mask, log_probs - reference, 0.0).sum(1)


def completion_rewards(scores: Tensor, log_probs: Tensor, reference: Tensor, mask: Tensor, beta: float) -> Tensor:
    """(N,) scores and (N, C) log-probs -> (N,) score - beta * KL of each completion: what training raises the mean
    of."""
    return scores - beta * kl_per_sequence(log_probs, reference, mask)


def k3_per_sequence(log_probs: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """(N,) nats, never negative: (ratio - 1) - log ratio with ratio = pi_ref / pi, summed over each completion.

    John Schulman's k3, http://joschu.net/blog/kl-approx.html.
    """
    return torch.where(mask, k3_losses(log_probs, reference), 0.0).sum(1)


@dataclass(frozen=True)
class KLController:
    """The price of KL in score units a nat, steered so that KL a sequence stays near the target.

    Ziegler et al. 2019, section 2.2. K_beta is episodes / horizon, as in their code, but at most 1.
    """

    beta: float
    target_nats: float
    horizon: int

    def after(self, kl_nats: float, episodes: int) -> "KLController":
        """e = clip(KL / target - 1, +-0.2); beta grows by the factor 1 + e min(1, episodes / horizon).

        More episodes at once than five horizons would else make the factor negative: KL would be paid for.
        """
        error = max(-0.2, min(0.2, kl_nats / self.target_nats - 1))
        share = min(1.0, episodes / self.horizon)
        return KLController(self.beta * (1 + error * share), self.target_nats, self.horizon)
