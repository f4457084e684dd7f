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
from transformers import PreTrainedModel

from language_models.layers import UnknownLayers, stack_of


@dataclass(frozen=True)
class LowerStates:
    """What comes out of the lowest `layers` layers, without gradient."""

    states: Tensor  # (B, T, H)
    layers: int


class SplitLayers:
    """A network's layers in two: the lowest `frozen`, and those above with the norm on top. Raises UnknownLayers."""

    def __init__(self, body: PreTrainedModel, layers: int, frozen: int) -> None:
        self.frozen = frozen
        self._lower = _part(body, layers, 0, frozen + 1)  # the states below the last layer are those before any norm
        self._upper = _part(body, layers, frozen, layers)
        device = next(body.parameters()).device
        ids = torch.tensor([[1, 2, 3, 2]], device=device)
        given = {"attention_mask": torch.ones_like(ids), "position_ids": torch.arange(4, device=device).unsqueeze(0)}
        with torch.no_grad():
            whole = body(input_ids=ids, use_cache=False, **given).last_hidden_state
            parts = self.upper(self.lower(input_ids=ids, **given), **given)
        if not torch.allclose(whole, parts, rtol=1e-3, atol=1e-4):
            raise UnknownLayers(
                f"the layers of {type(body).__name__} cannot be computed apart from its embeddings: set frozen_share "
                "to 0"
            )

    def lower(self, **given: Any) -> LowerStates:
        """Of token ids."""
        with torch.no_grad():
            output = self._lower(**given, use_cache=False, output_hidden_states=True)
        return LowerStates(output.hidden_states[self.frozen], self.frozen)

    def upper(self, lower: LowerStates, **given: Any) -> Tensor:
        """(B, T, H) top states."""
        states: Tensor = self._upper(inputs_embeds=lower.states, **given, use_cache=False).last_hidden_state
        return states


def _part(body: PreTrainedModel, layers: int, start: int, end: int) -> PreTrainedModel:
    """A network of the same class with some of the layers; its modules are the network's own."""
    path, stack = stack_of(body, layers)
    own: dict[int, Any] = {
        id(module): module for module in body.modules() if module is not body and module is not stack
    }
    part = copy.deepcopy(body, own)
    part.set_submodule(path, nn.ModuleList(list(stack)[start:end]))
    config = part.config.get_text_config()
    config.num_hidden_layers = end - start
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[start:end]
    return part
