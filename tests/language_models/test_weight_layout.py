"""A base's weights lie columns first on a CPU: the same numbers, in files as ever."""

from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from language_models.fetch import ensure
from language_models.model import LanguageModel
from language_models.weight_layout import lay_columns_first


def linear_layers(network: nn.Module) -> dict[str, nn.Linear]:
    return {name: module for name, module in network.named_modules() if type(module) is nn.Linear}


def test_linear_layers_lie_columns_first_with_the_same_numbers() -> None:
    ours = linear_layers(LanguageModel.load("tiny:").network)
    plain = linear_layers(AutoModelForCausalLM.from_pretrained(ensure("tiny:")))
    assert ours.keys() == plain.keys()
    for name, module in ours.items():
        assert torch.equal(module.weight, plain[name].weight)
        assert module.weight.t().is_contiguous(), name


def test_an_output_layer_goes_on_sharing_its_weight_with_the_embedding() -> None:
    network = nn.ModuleDict({"embedding": nn.Embedding(7, 3), "output": nn.Linear(3, 7, bias=False)})
    network["output"].weight = network["embedding"].weight
    lay_columns_first(network)
    assert network["output"].weight is network["embedding"].weight
    assert network["embedding"].weight.is_contiguous()


def test_a_copy_to_sample_from_lies_as_the_base_does(tiny: LanguageModel) -> None:
    adapter = tiny.adapters.names[0]
    lay_columns_first(tiny.network.get_base_model())
    with tiny.sampled_from(adapter) as network:
        assert all(one.weight.t().is_contiguous() for one in linear_layers(network).values())
        assert len(linear_layers(network)) > 1


def test_what_is_saved_lies_row_by_row(tmp_path: Path) -> None:
    model = LanguageModel.load("tiny:")
    model.save_network(tmp_path)
    saved = AutoModelForCausalLM.from_pretrained(tmp_path).state_dict()
    for name, value in AutoModelForCausalLM.from_pretrained(ensure("tiny:")).state_dict().items():
        assert torch.equal(saved[name], value)
