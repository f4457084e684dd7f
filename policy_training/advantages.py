"""Returns and advantages of completions seen as episodes. Pure functions on padded tensors.

Axis letters: N episodes, C tokens. State t is the prompt and the first t tokens, the action is token t, appending it
is the (deterministic) transition, and the episode ends with the completion: V after the last token is 0, unless the
completion was cut off and its end is bootstrapped (truncation.py).
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def leave_one_out_centred(scores: Tensor, group_of: Sequence[int]) -> Tensor:
    """(N,) scores and the group (prompt) of each row -> (N,) each score less the mean of the others of its group.

    A control variate that leaves the gradient unbiased, since the others do not depend on the row's own actions (Kool,
    van Hoof, Welling 2019, "Buy 4 REINFORCE samples, get a baseline for free"): an easy prompt is not taken for a
    good answer. A row that is alone in its group is left as it is.
    """
    groups = torch.as_tensor(list(group_of), device=scores.device)
    same = (groups.unsqueeze(0) == groups.unsqueeze(1)).to(scores.dtype)
    others = same.sum(1) - 1
    mean = (same @ scores - scores) / others.clamp(min=1)
    return torch.where(others > 0, scores - mean, scores)


def generalised_advantages(
    rewards: Tensor,
    values: Tensor,
    mask: Tensor,
    discount: float,
    gae_lambda: float,
    end_values: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """(N, C) rewards, values and mask -> (N, C) advantages and returns, 0 behind each episode's end.

    Schulman et al. 2015, https://arxiv.org/abs/1506.02438, Eq. 16: A_t = delta_t + gamma lambda A_{t+1} with
    delta_t = r_t + gamma V(s_{t+1}) - V(s_t). Returns are A_t + V(s_t), on advantages before any whitening.
    `end_values` are (N,) V(s_T) after the last token: 0 (None: everywhere) where the episode is over there, the value
    of the state where it was only cut off and goes on in thought (Pardo et al. 2018,
    https://arxiv.org/abs/1712.00378, partial-episode bootstrapping).
    """
    advantages = torch.zeros_like(rewards)
    following_advantage = torch.zeros_like(rewards[:, 0])
    following_value = torch.zeros_like(rewards[:, 0]) if end_values is None else end_values
    for t in reversed(range(rewards.shape[1])):
        real = mask[:, t]
        delta = rewards[:, t] + discount * following_value - values[:, t]
        advantage = delta + discount * gae_lambda * following_advantage
        advantages[:, t] = torch.where(real, advantage, 0.0)
        following_advantage = torch.where(real, advantage, 0.0)
        following_value = torch.where(real, values[:, t], following_value)
    return advantages, torch.where(mask, advantages + values, 0.0)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the entries where `mask` is true; a scalar."""
    return (values * mask).sum() / mask.sum()


def whiten(values: Tensor, mask: Tensor, epsilon: float = 1e-8) -> Tensor:
    """Mean 0 and standard deviation 1 over the true entries of the whole batch, 0 elsewhere. A constant becomes 0."""
    mean = masked_mean(values, mask)
    variance = masked_mean((values - mean) ** 2, mask)
    return torch.where(mask, (values - mean) * torch.rsqrt(variance + epsilon), 0.0)
