"""Potential-based reward shaping: rewards on the way that leave the optimal policy what it is. Pure functions.

Ng, Harada, Russell 1999, "Policy invariance under reward transformations" (ICML), Theorem 1: with
F(s_t, s_{t+1}) = gamma Phi(s_{t+1}) - Phi(s_t) added to the reward, a policy is optimal exactly where it was optimal
without. The discounted sum of F over an episode telescopes to gamma^T Phi(s_T) - Phi(s_0); with Phi(terminal) = 0 that
is -Phi(s_0), which no action changes (Grzes 2017, "Reward shaping in episodic reinforcement learning", shows what
happens to the optimum where Phi(terminal) is not 0).

Axis letters: N episodes, C tokens; s_0 is the prompt, s_t the prompt and the first t tokens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from language_models.sampling import Sampled


class BadPotential(ValueError):
    """The potential gave something other than one finite number a state."""


def shaping_rewards(potentials: Tensor, mask: Tensor, discount: float, goes_on: Tensor) -> Tensor:
    """(N, C + 1) potentials and (N, C) mask -> (N, C) F_t = gamma Phi(s_{t+1}) - Phi(s_t), 0 behind the end.

    Phi(terminal) is 0 at real ends. Where an episode `goes_on` (N,) behind its last token, since V(s_T) stands there in
    place of the rest, s_T is no terminal state and Phi(s_T) stays.
    """
    ends = torch.zeros_like(mask)
    ends[torch.arange(len(mask)), mask.sum(1) - 1] = ~goes_on
    following = torch.where(ends, 0.0, potentials[:, 1:])
    return torch.where(mask, discount * following - potentials[:, :-1], 0.0)


def checked_potentials(rows: Sequence[Sequence[float]], sampled: Sequence[Sampled]) -> Tensor:
    """(N, C + 1) potentials padded with 0, if there is one finite number for each state of each completion."""
    if len(rows) != len(sampled):
        raise BadPotential(f"the potential gave {len(rows)} rows for {len(sampled)} completions: one each is needed")
    padded = torch.zeros(len(rows), max(len(one.token_ids) for one in sampled) + 1)
    for place, (row, one) in enumerate(zip(rows, sampled, strict=True)):
        states = len(one.token_ids) + 1
        if len(row) != states:
            raise BadPotential(
                f"the potential gave {len(row)} values for completion {place} of {states - 1} tokens: {states} are "
                "needed, one for the prompt and one after each token"
            )
        kept = torch.tensor(row, dtype=torch.float32)
        if bad := [value for value, finite in zip(row, kept.isfinite().tolist(), strict=True) if not finite]:
            raise BadPotential(
                f"the potential gave {bad[0]} for completion {place}: potentials must be finite in 32 bits"
            )
        padded[place, :states] = kept
    return padded
