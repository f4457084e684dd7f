"""An adapter merged into a copy of the base's linear layers, for sampling: no small matrix products beside large ones.

The base is never touched: W + B A goes into new tensors, so nothing has to be subtracted again. Everything that the
adapter leaves alone (embeddings, norms, output layer) is shared with the base. Rounding differs from the unmerged
adapter's, so log-probs for training are never read off a merged copy.
"""

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel


def merged_state(network: PeftModel, adapter: str) -> dict[str, Tensor]:
    """The plain model's state dict with one adapter merged in; other tensors are the base's own."""
    base = network.get_base_model()
    plain = {key.replace(".base_layer", ""): value for key, value in base.state_dict().items() if "lora_" not in key}
    with torch.no_grad():
        for key, module in base.named_modules():
            if isinstance(module, LoraLayer):
                weight = module.get_base_layer().weight
                plain[f"{key}.weight"] = weight.clone().add_(module.get_delta_weight(adapter))  # laid out as the base's
    return plain


class MergedCopy:
    """A second network of the base's shape that is filled anew each time an adapter is to be sampled from."""

    def __init__(self) -> None:
        self._network: PreTrainedModel | None = None

    def of(self, network: PeftModel, adapter: str) -> PreTrainedModel:
        """The plain network with `adapter` merged in; valid until the next call."""
        if self._network is None:
            with torch.random.fork_rng(devices=[]):
                self._network = AutoModelForCausalLM.from_config(network.get_base_model().config)
            self._network.eval().requires_grad_(False)
        self._network.load_state_dict(merged_state(network, adapter), assign=True)
        return self._network
