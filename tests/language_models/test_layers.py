"""Layers computed again in the backward pass, or compiled: the same numbers, less memory, and as before afterwards."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache

from language_models.batches import collate
from language_models.layers import UnknownLayers, stack_of
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.precision import Compute
from language_models.sampling import Sampled, SampleRequest, sample
from language_models.settings import LoraSettings, SamplingSettings
from language_models.tiny import tiny_model, tiny_tokenizer
from tiny_models import fresh_tiny, randomise, tiny_with_adapters

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
    with model.computed(how, backend="eager"):
        assert all(layer._compiled_call_impl is not None for layer in stack)
        compiled, _ = update(model)
    for one, other in zip(plain, compiled, strict=True):
        torch.testing.assert_close(one, other)
    assert all(layer._compiled_call_impl is None for layer in stack)


def test_every_layer_of_an_update_is_compiled_and_none_of_sampling_and_the_ratio_is_one():
    """More layers than the eight graphs that torch allows by itself; rows that share a prompt, as rollouts have."""
    tokenizer = tiny_tokenizer()
    model = LanguageModel(tiny_model(tokenizer, layers=10), tokenizer, fresh_tiny().identity)
    model.adapters.add("policy", LoraSettings(rank=2, alpha=4), 0, frozen_layers=1)
    randomise(model, "policy", 0)
    shared, made, ran = list(range(5, 45)), list[int](), list[int]()
    laid_out = model.laid_out([shared, shared, shared[:20]], [[9, 10, 2], [11, 12], [13, 14, 15, 2]])

    def counting(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., object]:
        made.append(1)

        def run(*given: Tensor) -> object:
            ran.append(1)
            return graph(*given)

        return run

    def log_probs() -> Tensor:
        ran.clear()
        found = completion_pass(model, batch, 0.7).log_probs
        assert len(ran) == model.layers - 1
        return found

    def drawn() -> list[Sampled]:
        settings = SamplingSettings(max_new_tokens=3, batch_size=3)
        return sample(model, [SampleRequest(shared, 1), SampleRequest(shared, 2)], settings, None)

    torch._dynamo.reset()
    with torch._dynamo.config.patch(recompile_limit=2), model.computed(Compute(compile=True), backend=counting):
        batch = model.with_lower_states(laid_out, 1)
        texts = drawn()
        assert not ran
        for adapter in (None, "policy"):
            with torch.no_grad(), model.adapters.using(adapter):
                old = log_probs()
        with model.adapters.training("policy") as parameters:
            new = log_probs()
            torch.autograd.grad(new.sum(), parameters)
    assert torch.equal(old, new)
    assert 2 < len(made) < model.layers - 1  # layers share them, and the limit from outside does not hold
    assert texts == drawn()


def test_a_network_whose_layers_cannot_be_told_apart_is_refused():
    with pytest.raises(UnknownLayers, match="7 layers cannot be told apart in Linear"):
        stack_of(torch.nn.Linear(2, 2), 7)


def test_layers_are_not_looked_for_where_nothing_is_asked_of_them():
    model = tiny_with_adapters()
    model.layers += 1  # no stack is that long
    with model.computed(Compute()):
        assert not model.whole_rows
    with pytest.raises(UnknownLayers), model.computed(AGAIN):
        pass
