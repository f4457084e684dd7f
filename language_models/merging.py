"""An adapter merged into a copy of the base's linear layers, for sampling: no small matrix products beside large ones.

The base is never touched: W + B A goes into new tensors, so nothing has to be subtracted again. Everything that the
adapter leaves alone (embeddings, norms, output layer, frozen layers) is the base's own. Rounding differs from the
unmerged adapter's, so log-probs for training are never read off a merged copy.
"""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from language_models.shared_modules import plain_modules, put_together


def merged_state(network: PeftModel, adapter: str) -> dict[str, Tensor]:
    """The plain model's state dict with one adapter merged in; other tensors are the base's own."""
    base = network.get_base_model()
    plain = {key.replace(".base_layer", ""): value for key, value in base.state_dict().items() if "lora_" not in key}
    return plain | {f"{name}.weight": weight for name, _, weight in _merged_weights(base, adapter)}


def merged_network(network: PeftModel, adapter: str) -> PreTrainedModel:
    """The plain network with one adapter merged in: as it is now, it does not follow the adapter."""
    base = network.get_base_model()
    modules = plain_modules(base)
    for name, plain, weight in _merged_weights(base, adapter):
        merged = copy.deepcopy(plain, {id(tensor): tensor for tensor in plain.parameters()})  # its bias is the base's
        merged.weight = nn.Parameter(weight, requires_grad=False)
        modules[name] = merged
    return put_together(lambda: AutoModelForCausalLM.from_config(base.config), modules)


def _merged_weights(base: nn.Module, adapter: str) -> Iterator[tuple[str, Any, Tensor]]:
    """Of each linear layer that the adapter changes: its name, itself, and W + B A. Others may be adapted besides, by
    adapters that are loaded beside it."""
    for name, module in base.named_modules():
        if isinstance(module, LoraLayer) and adapter in module.lora_A:
            yield name, module.get_base_layer(), _merged_weight(module, adapter)


@torch.no_grad()
def _merged_weight(module: Any, adapter: str) -> Tensor:
    """W + s B A, lying in memory as W does. In 32 bits as one product that begins with W: a matrix of the change,
    scaled and added, would be written and read three times more."""
    weight = module.get_base_layer().weight
    low, high = module.lora_A[adapter].weight, module.lora_B[adapter].weight
    if {weight.dtype, low.dtype, high.dtype} != {torch.float32}:
        return torch.as_tensor(weight.clone().add_(module.get_delta_weight(adapter)))
    factors = (low.T, high.T) if module.fan_in_fan_out else (high, low)  # GPT-2's weights lie transposed
    return torch.addmm(weight, *factors, alpha=module.scaling[adapter], out=torch.empty_like(weight))
