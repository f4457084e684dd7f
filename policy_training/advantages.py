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
    good answer. A row that is alone in its group has nothing to be held against and becomes 0: left as it is it would
    stand on another scale than all that are centred. In a group of equal scores all are exactly 0: whitening, and Adam
    after it, would blow up what rounding left.
    """
    groups = _Groups(scores, group_of)
    scores = scores - groups.first(scores)
    others = groups.size - 1
    mean = (groups.sum(scores) - scores) / others.clamp(min=1)
    return torch.where(others > 0, scores - mean, 0.0)


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


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """The share of the returns' variance that the values explain: 1 at best, 0 for a constant, below for worse, 0 where
    all returns are equal up to rounding and there is nothing to explain."""
    residual = masked_mean((returns - values) ** 2, mask)
    spread = masked_mean((returns - masked_mean(returns, mask)) ** 2, mask)
    return float(1 - residual / spread) if spread > 1e-8 else 0.0


def group_normalised(scores: Tensor, group_of: Sequence[int], epsilon: float = 1e-4) -> Tensor:
    """(N,) scores and the group (prompt) of each row -> (N,) (score - mean) / (sd + epsilon) within its group.

    Shao et al. 2024, https://arxiv.org/abs/2402.03300, section 4.1.2; the sd is that of the group itself (divided by
    its size). In a group of equal scores, or of one, all are exactly 0. `epsilon` is above the noise of a learned
    reward in 32 bits, which would else be blown up to an advantage of 1 where a group's texts are the same.
    """
    groups = _Groups(scores, group_of)
    scores = scores - groups.first(scores)
    centred = scores - groups.sum(scores) / groups.size
    variance = groups.sum(centred**2) / groups.size
    return centred / (variance.sqrt() + epsilon)


def returns_to_go(rewards: Tensor, mask: Tensor, discount: float) -> Tensor:
    """(N, C) rewards and mask -> (N, C) R_t = r_t + gamma R_{t+1}, 0 behind each episode's end."""
    returns = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        following = torch.where(mask[:, t], rewards[:, t] + discount * following, 0.0)
        returns[:, t] = following
    return returns


def leave_one_out_baselines(returns: Tensor, mask: Tensor, group_of: Sequence[int]) -> Tensor:
    """(N, C) returns-to-go and the group (prompt) of each row -> (N, C) baselines: the mean return at the same token of
    the others of the group that have one, else the others' mean return from the start. A row that is alone has nothing
    to be held against: its baseline is its own return, which teaches nothing.

    Else it does not depend on the row's own actions, so the gradient stays unbiased.
    """
    groups = _Groups(returns, group_of)
    level = groups.first(returns[:, :1])  # taken off before sums are: returns that are all equal stay so to the bit
    own, real = torch.where(mask, returns - level, 0.0), mask.to(returns.dtype)
    count = groups.sum(real) - real
    means = (groups.sum(own) - own) / count.clamp(min=1)
    found = level + torch.where(count > 0, means, means[:, :1])
    return torch.where(mask, torch.where(groups.size.unsqueeze(1) > 1, found, returns), 0.0)


def n_step_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, discount: float, n_steps: int, end_values: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(N, C) rewards, values and mask -> (N, C) advantages and returns, 0 behind each episode's end.

    The return is that of n steps, R_t = r_t + gamma r_{t+1} + ... + gamma^{n-1} r_{t+n-1} + gamma^n V(s_{t+n}), cut at
    the end of the episode, and the advantage R_t - V(s_t) (Mnih et al. 2016, https://arxiv.org/abs/1602.01783, section
    4; Sutton and Barto 2018, Eq. 7.1 and section 13.5). One step is TD(0); from the longest episode's length on it is
    the whole return. `end_values` are (N,) V(s_T) after the last token, as in `generalised_advantages`.
    """
    following = torch.zeros_like(rewards[:, 0]) if end_values is None else end_values
    length = mask.sum(1, keepdim=True)
    at = torch.arange(rewards.shape[1], device=rewards.device)
    ahead = torch.cat([torch.where(mask, values, 0.0), torch.zeros_like(values[:, :1])], 1)
    ahead = ahead.scatter(1, length, following.unsqueeze(1))  # V(s_0), ..., V(s_T)
    real = torch.cat([torch.where(mask, rewards, 0.0), torch.zeros_like(rewards[:, :1])], 1)
    returns = torch.zeros_like(rewards)
    for k in range(min(n_steps, rewards.shape[1])):
        returns = returns + discount**k * real[:, (at + k).clamp(max=rewards.shape[1])]
    until = torch.minimum(at + n_steps, length)  # (N, C) the state that the return is cut off at
    returns = returns + discount ** (until - at).clamp(min=0) * ahead.gather(1, until)
    returns = torch.where(mask, returns, 0.0)
    return torch.where(mask, returns - values, 0.0), returns


class _Groups:
    """Sums over the rows of each group, given back to every row of it; memory grows with the rows, not their square."""

    def __init__(self, like: Tensor, group_of: Sequence[int]) -> None:
        first_rows: dict[int, int] = {}
        for row, group in enumerate(group_of):
            first_rows.setdefault(group, row)
        place = {group: number for number, group in enumerate(first_rows)}
        self._index = torch.tensor([place[group] for group in group_of], dtype=torch.long, device=like.device)
        self._firsts = torch.tensor(list(first_rows.values()), dtype=torch.long, device=like.device)
        self.size = self.sum(torch.ones(len(like), dtype=like.dtype, device=like.device))

    def sum(self, values: Tensor) -> Tensor:
        """(N, ...) -> (N, ...) the sum over the row's group."""
        totals = values.new_zeros(len(self._firsts), *values.shape[1:])
        return totals.index_add(0, self._index, values)[self._index]

    def first(self, values: Tensor) -> Tensor:
        """(N, ...) -> (N, ...) the value of the first row of the row's group."""
        return values[self._firsts][self._index]
