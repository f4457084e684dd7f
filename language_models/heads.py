"""A scalar read off a hidden state: the policy's value head, the reward's head."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


class ScalarHead(nn.Module):
    """One linear layer H -> 1 that starts at zero, so that an untrained head says 0 everywhere."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden_size, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., H) -> (...)."""
        return torch.as_tensor(self.linear(hidden)).squeeze(-1)

    def save(self, path: Path) -> None:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}, path)

    @classmethod
    def load(cls, path: Path) -> "ScalarHead":
        tensors = load_file(path)
        head = cls(tensors["linear.weight"].shape[1])
        head.load_state_dict(tensors)
        return head
