"""Networks put together from the modules of another one: no tensor is copied, and none is drawn only to be replaced."""

from collections.abc import Callable, Mapping

import torch
from torch import nn
from transformers import PreTrainedModel


def plain_modules(network: nn.Module) -> dict[str, nn.Module]:
    """The network's modules by the names that they have where there are no adapters around them."""
    return {name.replace(".base_layer", ""): module for name, module in network.named_modules()}


def put_together(build: Callable[[], PreTrainedModel], modules: Mapping[str, nn.Module]) -> PreTrainedModel:
    """The network that `build` makes, with `modules` in the places of its own, by name.

    Whole modules where they have no parts (what holds a weight in 4 bits is a module of its own kind), else the tensors
    that they hold beside their parts.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = build()
    for name, module in list(network.named_modules()):
        given = modules[name]
        if not any(module.children()):
            network.set_submodule(name, given)
            continue
        for key, parameter in given.named_parameters(recurse=False):
            module.register_parameter(key, parameter)
        for key, buffer in given.named_buffers(recurse=False):
            module.register_buffer(key, buffer, persistent=key in given.state_dict())
    return network.eval()
