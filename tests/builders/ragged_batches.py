"""Random padded batches of episodes of several lengths."""

import torch
from torch import Tensor


def ragged(seed: int, lengths: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """(N, C) rewards, values and mask; what stands behind an episode's end is large, so that a leak shows."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    rewards, values = (torch.randn(mask.shape, generator=generator) for _ in range(2))
    return rewards.masked_fill(~mask, 7.0), values.masked_fill(~mask, -9.0), mask
