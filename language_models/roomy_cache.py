"""A key-value cache with room to grow: a drawn token is written where it belongs, instead of copying all before it.

transformers' `DynamicCache` joins old and new at each token, which for 64 rows copies about as many bytes as the
weights have; its `StaticCache` keeps its rows and computes attention over the room, too. For sampling alone: what is
written in place has no gradient.
"""

from typing import Any

from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

ROOM = 32  # tokens added each time that there is no room left


class _RoomyLayer(DynamicLayer):
    """`keys` and `values` are the filled part of two larger tensors (B, heads, tokens, width)."""

    keys: Tensor
    values: Tensor
    _whole: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        filled = self.get_seq_length()
        end = filled + key_states.shape[-2]
        if self._whole is None or self._whole[0].shape[-2] < end:
            self._whole = (_with_room(self.keys, key_states, end), _with_room(self.values, value_states, end))
        for whole, new in zip(self._whole, (key_states, value_states), strict=True):
            whole[:, :, filled:end] = new
        self.keys, self.values = (whole[:, :, :end] for whole in self._whole)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)
        self._whole = None


def _with_room(filled: Tensor, new: Tensor, end: int) -> Tensor:
    """A tensor shaped as `new` for `end` tokens and some more, that begins with what is filled."""
    whole = new.new_empty(*new.shape[:2], end + ROOM, new.shape[-1])
    if filled.numel():
        whole[:, :, : filled.shape[-2]] = filled
    return whole


def roomy_cache(layers: int) -> Cache:
    """An empty cache for a network of so many layers."""
    return Cache(layers=[_RoomyLayer() for _ in range(layers)])
