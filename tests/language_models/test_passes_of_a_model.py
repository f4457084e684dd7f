"""Passes through a model at their edges: one token, no room, no layers, another base's special tokens."""

from pathlib import Path

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from torch import Tensor
from transformers import AutoModelForCausalLM, Gemma2Config

from language_models.batches import Batch, collate
from language_models.layers import UnknownLayers, stack_of
from language_models.log_probs import at_another_temperature, completion_pass
from language_models.model import LanguageModel
from language_models.precision import Compute
from language_models.tiny import START, tiny_tokenizer
from tiny_models import fresh_tiny

LONG = list(range(5, 45))  # shared by three rows it is worth a pass of its own
AGAIN = Compute(recompute=True)


def update(model: LanguageModel, batch: Batch) -> tuple[Tensor, list[Tensor]]:
    with model.adapters.training("policy") as parameters:
        log_probs = completion_pass(model, batch, 0.7).log_probs
        return log_probs.detach(), list(torch.autograd.grad(log_probs.sum(), parameters))


def test_completions_of_one_token_behind_a_shared_prompt_have_the_log_probs_of_rows_alone(tiny: LanguageModel) -> None:
    completions = [[9], [10], [2]]
    with torch.no_grad():
        together = completion_pass(tiny, collate([LONG] * 3, completions, tiny.pad_id), 0.7).log_probs
        alone = [completion_pass(tiny, collate([LONG], [one], tiny.pad_id), 0.7).log_probs for one in completions]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def test_another_temperature_takes_no_other_pass(tiny: LanguageModel) -> None:
    batch = collate([LONG, LONG[1:]], [[9, 10, 2], [11]], tiny.pad_id)
    with torch.no_grad():
        found = at_another_temperature(tiny, batch, completion_pass(tiny, batch, 1.0), 0.7)
        expected = completion_pass(tiny, batch, 0.7).log_probs
    assert torch.equal(found, expected)


def test_completions_of_one_token_cost_their_prompt_once(tiny: LanguageModel) -> None:
    seen: list[int] = []
    _, stack = stack_of(tiny.network, tiny.layers)
    handle = stack[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[:2].numel()))
    batch = collate([LONG, LONG, LONG[1:], LONG], [[9], [10], [2], [9]], tiny.pad_id)
    try:
        with torch.no_grad():
            completion_pass(tiny, batch, 0.7)
    finally:
        handle.remove()
    assert seen == [2 * len(LONG)]


def test_layers_are_computed_again_also_where_rows_share_a_prompt(tiny: LanguageModel) -> None:
    batch = collate([LONG] * 3, [[9, 2], [10], [11, 12, 2]], tiny.pad_id)
    plain, expected = update(tiny, batch)
    with tiny.computed(AGAIN):
        again, gradients = update(tiny, batch)
    torch.testing.assert_close(again, plain, atol=1e-5, rtol=0)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_an_error_in_an_update_leaves_the_ways_of_computing_as_they_were(tiny: LanguageModel) -> None:
    with pytest.raises(RuntimeError, match="no"), tiny.computed(AGAIN):
        raise RuntimeError("no")
    assert not tiny.whole_rows
    _, stack = stack_of(tiny.network, tiny.layers)
    assert not any("forward" in vars(layer) for layer in stack)


def test_two_stacks_of_one_length_cannot_be_told_apart() -> None:
    stacks = [torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(3)) for _ in range(2)]
    with pytest.raises(UnknownLayers, match="3 layers cannot be told apart"):
        stack_of(torch.nn.ModuleDict({"encoder": stacks[0], "decoder": stacks[1]}), 3)


def test_log_probs_of_a_base_in_16_bits_are_made_in_32() -> None:
    model = fresh_tiny(numbers=torch.bfloat16)
    batch = collate([[5, 6, 7]], [[9, 10, 2]], model.pad_id)
    states = model.predicting_states(batch)[0]
    found, entropy = model.output.chosen(states, batch.completion_ids[0], 0.7, with_entropy=True)
    expected = torch.log_softmax(model.output(states).float() / 0.7, -1)
    assert torch.equal(found, expected[range(3), batch.completion_ids[0]])
    assert torch.equal(entropy, -(expected.exp() * expected).sum(-1))
    with_slopes, _ = model.output.chosen(states.requires_grad_(), batch.completion_ids[0], 0.7)
    assert torch.equal(with_slopes, found)


def test_the_lower_states_of_a_batch_bring_no_gradients_and_leave_no_hook_behind(tiny: LanguageModel) -> None:
    batch = collate([[5, 6, 7], [8]], [[9, 2], [10, 11, 12]], tiny.pad_id)
    with tiny.adapters.training("policy"):
        lower = tiny.with_lower_states(batch, 1).lower
    assert lower is not None and not lower.states.requires_grad
    assert not any(module._forward_pre_hooks for module in tiny.network.modules())


def test_upper_layers_keep_their_own_kind_of_attention() -> None:
    """Every other layer of Gemma 2 looks no further back than its window: which ones, its config tells by number."""
    config = Gemma2Config(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        sliding_window=3,
        initializer_range=0.3,
    )
    model = LanguageModel(AutoModelForCausalLM.from_config(config), tiny_tokenizer(), fresh_tiny().identity)
    batch = collate([[5, 6, 7, 8, 9, 10, 11, 12]], [[13, 14, 15]], 0)
    with torch.no_grad():
        whole = completion_pass(model, batch, 1.0).log_probs
        apart = completion_pass(model, model.with_lower_states(batch, 1), 1.0).log_probs
        assert model.trunk(3).network.config.layer_types == config.layer_types[:3]
    torch.testing.assert_close(apart, whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("layers", [0, -1, 4])
def test_a_trunk_has_one_layer_or_more_and_no_more_than_its_base(tiny: LanguageModel, layers: int) -> None:
    with pytest.raises(ValueError, match=f"a trunk of {layers} layers was asked of a base of 3: 1 to 3 are allowed"):
        tiny.trunk(layers)
    assert tiny.trunk(tiny.layers).layers == tiny.layers


def test_a_base_is_written_out_without_a_number_being_drawn(tiny: LanguageModel, tmp_path: Path) -> None:
    drawn_before = torch.random.get_rng_state()
    tiny.save_network(tmp_path)
    assert torch.equal(torch.random.get_rng_state(), drawn_before)


def test_a_completion_begins_with_no_token_that_a_tokenizer_puts_before_a_text(tiny: LanguageModel) -> None:
    plain = tiny.completion_tokens("ab", finished=True)
    start = tiny.tokenizer.convert_tokens_to_ids(START)
    tiny.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, start)]
    )
    assert tiny.tokenizer("ab")["input_ids"][0] == start
    assert tiny.completion_tokens("ab", finished=True) == plain


def test_a_completion_without_a_text_is_the_end_alone_also_where_it_was_cut_off(tiny: LanguageModel) -> None:
    assert tiny.completion_tokens("", finished=False) == tiny.completion_tokens("", finished=True) == [tiny.end_id]
