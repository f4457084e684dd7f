"""The weights that a training ended with, to be held against those of another."""

import torch
from torch import Tensor

from policy_training.learner import TrainedPolicy


def weights_of(trained: TrainedPolicy) -> dict[str, Tensor]:
    """Copies of the adapter's tensors, and the value head's where there is one."""
    head = {} if trained.value_head is None else dict(trained.value_head.state_dict())
    return {name: value.clone() for name, value in {**trained.model.adapters.state(trained.adapter), **head}.items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two have the same names and are equal bit by bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
