"""The layers of a network that are trained, apart from those below them that are not.

What the lower layers make of a text does not change while their weights do not: it is computed once, and each epoch
begins above it. Both parts are the network's own modules, adapters included, run by its own forward with fewer layers;
the upper part is fed by `inputs_embeds`. An architecture that does more to its embeddings than hand them on (a scale,
learned positions) cannot be taken apart like this, which is tried out before it is relied on.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, PreTrainedModel

from language_models.layers import UnknownLayers, stack_of


@dataclass(frozen=True)
class LowerStates:
    """What comes out of the lowest `layers` layers, without gradient."""

    states: Tensor  # (B, T, H)
    layers: int


class Layers:
    """Layers of a network from `first` on, called as it is (input_ids or inputs_embeds, masks, a cache): the states
    above them."""

    def __init__(self, network: PreTrainedModel, first: int = 0) -> None:
        self._network = network
        self._first = first

    def __call__(self, **given: Any) -> Tensor:
        states: Tensor = self._network(**given).last_hidden_state
        return states

    def cache(self) -> Cache:
        """An empty key-value cache for these layers."""
        return _CacheFrom(self._first)


class SplitLayers:
    """A network's layers in two: the lowest `frozen`, and those above with the norm on top. Raises UnknownLayers."""

    def __init__(self, body: PreTrainedModel, layers: int, frozen: int) -> None:
        self.frozen = frozen
        self.lower = _LowerLayers(_part(body, layers, 0, frozen + 1), stack_of(body, layers)[1][frozen])
        self.upper = Layers(_part(body, layers, frozen, layers), frozen)
        device = next(body.parameters()).device
        ids = torch.tensor([[1, 2, 3, 2]], device=device)
        given: dict[str, Any] = {"attention_mask": torch.ones_like(ids), "use_cache": False}
        given["position_ids"] = torch.arange(4, device=device).unsqueeze(0)
        with torch.no_grad():
            whole = body(input_ids=ids, **given).last_hidden_state
            parts = self.upper(inputs_embeds=self.lower(input_ids=ids, **given), **given)
        if not torch.allclose(whole, parts, rtol=1e-3, atol=1e-4):
            raise UnknownLayers(
                f"the layers of {type(body).__name__} cannot be computed apart from its embeddings: set frozen_share "
                "to 0"
            )


class _LowerLayers(Layers):
    """The layers below `above`, whose input is taken: behind the topmost layer of a network comes its norm. `above` is
    computed in vain."""

    def __init__(self, network: PreTrainedModel, above: nn.Module) -> None:
        super().__init__(network)
        self._above = above

    def __call__(self, **given: Any) -> Tensor:
        seen: list[Tensor] = []

        def see(_: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
            seen.append(args[0] if args else named["hidden_states"])

        hook = self._above.register_forward_pre_hook(see, with_kwargs=True)
        try:
            with torch.no_grad():
                self._network(**given)
        finally:
            hook.remove()
        return seen[0]


class _CacheFrom(DynamicCache):
    """A cache for layers that count themselves from `first` on."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = first

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        return super().update(key_states, value_states, layer_idx - self._first, *args, **kwargs)


def _part(body: PreTrainedModel, layers: int, start: int, end: int) -> PreTrainedModel:
    """A network of the same class with some of the layers; its modules are the network's own, but for those around the
    stack, whose stack is another one in the part.
    """
    path, stack = stack_of(body, layers)
    around = {id(module) for module in body.modules() if any(one is stack for one in module.modules())}
    own: dict[int, Any] = {id(module): module for module in body.modules() if id(module) not in around}
    part = copy.deepcopy(body, own)
    part.set_submodule(path, nn.ModuleList(list(stack)[start:end]))
    config = part.config.get_text_config()
    config.num_hidden_layers = end - start
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[start:end]
    return part
