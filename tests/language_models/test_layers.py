"""Layers computed again in the backward pass, or compiled: the same numbers, less memory, and as before afterwards."""

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache

from language_models import layers
from language_models.batches import collate
from language_models.layers import UnknownLayers, stack_of
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.precision import Compute
from tiny_models import tiny_with_adapters

AGAIN = Compute(recompute=True)


def update(model: LanguageModel) -> tuple[list[Tensor], int]:
    """Gradients of an adapter by a loss on log-probs and states, and how many numbers autograd kept for them."""
    batch = collate([[5, 6, 7], [8, 9]], [[10, 11, 12], [13, 14]], model.pad_id, model.device)
    kept = 0

    def keep(saved: Tensor) -> Tensor:
        nonlocal kept
        kept += saved.numel()
        return saved

    with model.adapters.training("policy") as parameters:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
            done = completion_pass(model, batch, 0.7)
            loss = done.log_probs.sum() + done.states.square().sum()
        gradients = torch.autograd.grad(loss, parameters)
    return list(gradients), kept


def test_gradients_are_the_same_to_the_bit_and_less_is_kept():
    model = tiny_with_adapters()
    plain, kept = update(model)
    with model.computed(AGAIN):
        again, kept_again = update(model)
    assert any(gradient.abs().sum() > 0 for gradient in plain)
    assert all(torch.equal(one, other) for one, other in zip(plain, again, strict=True))
    assert kept_again < kept / 2
    assert update(model)[1] == kept  # afterwards as before


def test_what_is_computed_again_never_writes_to_a_cache():
    model = tiny_with_adapters()

    def read() -> Tensor:
        cache = DynamicCache()
        ids = torch.tensor([[5, 6, 7]])
        return model.network(input_ids=ids, past_key_values=cache, use_cache=True).logits

    with model.computed(AGAIN), model.adapters.training("policy"):
        with pytest.raises(ValueError, match="key-value cache"):
            read()
        with torch.no_grad():
            assert torch.isfinite(read()).all()  # sampling keeps its cache


@pytest.mark.parametrize("how", [Compute(compile=True), Compute(recompute=True, compile=True)])
def test_compiled_layers_give_the_same_gradients(how: Compute):
    model = tiny_with_adapters()
    plain, _ = update(model)
    _, stack = stack_of(model.network, model.layers)
    with layers.computed(stack, how, backend="eager"):
        assert all(layer._compiled_call_impl is not None for layer in stack)
        compiled, _ = update(model)
    for one, other in zip(plain, compiled, strict=True):
        torch.testing.assert_close(one, other)
    assert all(layer._compiled_call_impl is None for layer in stack)


def test_a_network_whose_layers_cannot_be_told_apart_is_refused():
    with pytest.raises(UnknownLayers, match="7 layers cannot be told apart in Linear"):
        stack_of(torch.nn.Linear(2, 2), 7)


def test_layers_are_not_looked_for_where_nothing_is_asked_of_them():
    model = tiny_with_adapters()
    model.layers += 1  # no stack is that long
    with model.computed(Compute()):
        assert not model.recomputes
    with pytest.raises(UnknownLayers), model.computed(AGAIN):
        pass
