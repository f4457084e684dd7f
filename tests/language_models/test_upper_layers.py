"""Layers above frozen ones, fed by their states: the numbers of the whole network."""

import contextlib
from dataclasses import replace
from unittest import mock

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, Gemma2Config, GPT2Config, LlamaConfig, OPTConfig, PreTrainedConfig

from language_models import upper_layers
from language_models.batches import Batch, collate
from language_models.layers import UnknownLayers
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.settings import LoraSettings
from language_models.upper_layers import SplitLayers
from tiny_models import fresh_tiny, randomise


def update(model: LanguageModel, batch: Batch) -> tuple[Tensor, list[Tensor]]:
    with model.adapters.training("upper") as parameters:
        done = completion_pass(model, batch, 0.7)
        loss = done.log_probs.sum() + done.states[batch.completion_mask].square().mean()
        return done.log_probs.detach(), list(torch.autograd.grad(loss, parameters))


def test_log_probs_and_gradients_from_kept_lower_states_are_those_of_whole_passes() -> None:
    model = fresh_tiny()
    frozen = model.layers // 2
    model.adapters.add("upper", LoraSettings(rank=4, alpha=8), 0, frozen_layers=frozen)
    randomise(model, "upper", 3)
    batch = collate([[5, 6, 7], [8]], [[9, 2], [10, 11, 12]], model.pad_id)
    assert frozen > 0
    kept = model.with_lower_states(batch, frozen)
    (log_probs, gradients), (whole, expected) = update(model, kept), update(model, batch)
    torch.testing.assert_close(log_probs, whole, atol=1e-5, rtol=0)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert max(gradient.abs().max() for gradient in gradients) > 1e-3
    with torch.no_grad():  # another adapter, or none, is seen by the same modules
        base = completion_pass(model, kept, 0.7).log_probs
    torch.testing.assert_close(base, completion_pass(model, replace(kept, lower=None), 0.7).log_probs)
    assert not torch.allclose(base, whole)


def test_a_prompt_that_rows_share_is_computed_once_above_frozen_layers_too() -> None:
    model = fresh_tiny()
    frozen = model.layers // 2
    model.adapters.add("upper", LoraSettings(rank=4, alpha=8), 0, frozen_layers=frozen)
    randomise(model, "upper", 3)
    asked = list(range(5, 45))
    batch = collate([asked, asked, [8, 9], asked], [[9, 2], [10, 11, 12], [9], [13]], model.pad_id)
    alone = [collate([asked], [said], model.pad_id) for said in ([9, 2], [10, 11, 12], [13])]
    kept = model.with_lower_states(batch, frozen)
    with mock.patch.object(upper_layers, "_CacheFrom", wraps=upper_layers._CacheFrom) as caches:
        log_probs, gradients = update(model, kept)
    assert caches.call_count == 1
    whole, expected = update(model, batch)
    torch.testing.assert_close(log_probs, whole, atol=1e-5, rtol=0)
    for row, one in zip((0, 1, 3), alone, strict=True):
        found, _ = update(model, model.with_lower_states(one, frozen))
        torch.testing.assert_close(log_probs[row, : found.shape[1]], found[0], atol=1e-5, rtol=0)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_another_number_of_frozen_layers_is_taken_apart_anew() -> None:
    model = LanguageModel.load("tiny:")
    batch = collate([[5, 6, 7], [8]], [[9, 2], [10, 11, 12]], model.pad_id)
    with torch.no_grad():
        whole = completion_pass(model, batch, 0.7).log_probs
        for frozen in (1, 2, 1):
            apart = model.with_lower_states(batch, frozen)
            assert apart.lower is not None and apart.lower.layers == frozen
            torch.testing.assert_close(completion_pass(model, apart, 0.7).log_probs, whole, atol=1e-5, rtol=0)


def test_layers_taken_apart_see_adapters_that_come_and_go_afterwards() -> None:
    model = fresh_tiny()
    frozen = model.layers // 2
    batch = collate([[5, 6, 7], [8]], [[9, 2], [10, 11, 12]], model.pad_id)
    for seed, name in enumerate(("upper", "another")):
        model.adapters.add(name, LoraSettings(rank=4), 0, frozen_layers=frozen)
        randomise(model, name, seed)
        with torch.no_grad(), model.adapters.using(name):
            kept = completion_pass(model, model.with_lower_states(batch, frozen), 0.7).log_probs
            torch.testing.assert_close(kept, completion_pass(model, batch, 0.7).log_probs, atol=1e-5, rtol=0)
        model.adapters.remove(name)
    with torch.no_grad():
        kept = completion_pass(model, model.with_lower_states(batch, frozen), 0.7).log_probs
        torch.testing.assert_close(kept, completion_pass(model, batch, 0.7).log_probs, atol=1e-5, rtol=0)


SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2}
FEW = {"intermediate_size": 32, "num_key_value_heads": 1, "head_dim": 8}


@pytest.mark.parametrize(
    ("config", "apart"),
    [
        (LlamaConfig(**SIZES, intermediate_size=32), True),
        (GPT2Config(vocab_size=50, n_embd=16, n_layer=4, n_head=2), False),  # adds learned positions to embeddings
        (Gemma2Config(**SIZES, **FEW), None),
    ],
    ids=["llama", "gpt2", "gemma2"],
)
def test_a_network_that_cannot_be_taken_apart_is_refused_in_words(config: PreTrainedConfig, apart: bool | None) -> None:
    body = AutoModelForCausalLM.from_config(config).eval().base_model
    if apart is False:
        with pytest.raises(UnknownLayers, match="set frozen_share to 0"):
            SplitLayers(body, 4, 2)
    else:
        SplitLayers(body, 4, 2)


def test_layers_that_lie_deeper_are_taken_apart_or_refused_and_the_network_stays_whole() -> None:
    sizes = {"vocab_size": 50, "hidden_size": 16, "ffn_dim": 32, "word_embed_proj_dim": 16}
    config = OPTConfig(**sizes, num_hidden_layers=4, num_attention_heads=2)
    network = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        before = network(input_ids=ids).logits
        with contextlib.suppress(UnknownLayers):  # whether it can be taken apart is its own matter
            SplitLayers(network.base_model, 4, 2)
        assert torch.equal(network(input_ids=ids).logits, before)
    assert len(network.model.decoder.layers) == 4
