"""A LoRA layer in one step gives what PEFT's own gives, forwards and backwards."""

import pytest
import torch
from peft import LoraConfig
from peft.tuners.lora import Linear
from torch import Tensor, nn

from language_models.lora_linear import LoraLinear
from language_models.model import LanguageModel


def made(kind: type[Linear], *, bias: bool) -> Linear:
    torch.manual_seed(0)
    layer = kind(
        nn.Linear(6, 5, bias=bias).requires_grad_(False), "a", LoraConfig(r=3, lora_alpha=4), r=3, lora_alpha=4
    )
    with torch.no_grad():
        layer.lora_B["a"].weight.copy_(torch.randn(5, 3))
    return layer


def results(layer: Linear, *, wanted: bool) -> list[Tensor]:
    x = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(1)).requires_grad_(wanted)
    y = layer(x)
    weights = [layer.lora_A["a"].weight, layer.lora_B["a"].weight, *([x] if wanted else [])]
    return [y, *torch.autograd.grad((y * torch.arange(5)).sum(), weights)]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("wanted", [False, True])
def test_results_and_gradients_are_those_of_pefts_own_layer(bias: bool, wanted: bool) -> None:
    for ours, theirs in zip(
        results(made(LoraLinear, bias=bias), wanted=wanted),
        results(made(Linear, bias=bias), wanted=wanted),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
        assert ours.abs().max() > 0.1


def test_other_number_types_and_no_adapter_are_computed_by_peft() -> None:
    ours, theirs = (made(kind, bias=True).to(torch.bfloat16) for kind in (LoraLinear, Linear))
    x = torch.randn(3, 6, dtype=torch.bfloat16)
    assert torch.equal(ours(x), theirs(x))
    layer = made(LoraLinear, bias=True)
    layer.enable_adapters(False)
    assert torch.equal(layer(x.float()), layer.get_base_layer()(x.float()))


def test_every_adapted_layer_of_a_model_is_computed_so(tiny: LanguageModel) -> None:
    kinds = {type(module) for module in tiny.network.modules() if isinstance(module, Linear)}
    assert kinds == {LoraLinear}
