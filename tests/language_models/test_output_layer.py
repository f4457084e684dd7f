"""Log-probs from top states, chunk by chunk, against the network's own logits; prompts that are computed once."""

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, Gemma2Config, GPT2Config, LlamaConfig, PreTrainedConfig

from language_models import output_layer
from language_models.batches import collate
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.output_layer import OutputLayer

SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
CONFIGS: list[PreTrainedConfig] = [
    LlamaConfig(**SIZES, intermediate_size=32),
    GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2),
    Gemma2Config(**SIZES, intermediate_size=32, num_key_value_heads=1, head_dim=8, final_logit_softcapping=0.05),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_logits_are_the_networks_own_soft_cap_included_and_share_its_tensors(config: PreTrainedConfig) -> None:
    network = AutoModelForCausalLM.from_config(config).eval()
    output = OutputLayer(network)
    ids = torch.tensor([[3, 4, 5, 6]])
    with torch.no_grad():
        states = network.base_model(input_ids=ids).last_hidden_state[0]
        assert torch.equal(output(states), network(input_ids=ids).logits[0])
    owned = {parameter.data_ptr() for parameter in network.parameters()}
    assert all(parameter.data_ptr() in owned for parameter in output._network.parameters())


def test_chosen_log_probs_and_their_gradients_are_those_of_all_logits_at_once(
    tiny: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_layer, "CHUNK", 3)
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(8, tiny.hidden_size, generator=generator, requires_grad=True)
    ids = torch.arange(8)
    weights = torch.randn(8, generator=generator)
    expected = torch.log_softmax(tiny.output(states) / 0.7, -1)
    found, _ = tiny.output.chosen(states, ids, 0.7)
    torch.testing.assert_close(found, expected[range(8), ids])
    slopes = [
        torch.autograd.grad((one * weights).sum(), states, retain_graph=True)[0]
        for one in (found, expected[range(8), ids])
    ]
    torch.testing.assert_close(*slopes)
    assert slopes[0].abs().max() > 1e-3
    with torch.no_grad():
        again, entropy = tiny.output.chosen(states, ids, 0.7, with_entropy=True)
    assert torch.equal(again, found)
    torch.testing.assert_close(entropy, torch.distributions.Categorical(logits=expected).entropy())


def test_entropy_is_that_of_the_other_tokens_where_a_network_masks_some(
    tiny: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = OutputLayer.__call__
    never = torch.tensor([1, 3])
    monkeypatch.setattr(
        OutputLayer, "__call__", lambda self, states: made(self, states).index_fill(-1, never, -torch.inf)
    )
    states = torch.randn(4, tiny.hidden_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        _, entropy = tiny.output.chosen(states, torch.tensor([5, 6, 7, 8]), 0.7, with_entropy=True)
        logits = made(tiny.output, states) / 0.7
    others = [token for token in range(logits.shape[-1]) if token not in never.tolist()]
    torch.testing.assert_close(entropy, torch.distributions.Categorical(logits=logits[:, others]).entropy())


def test_a_prompt_computed_once_for_its_samples_gives_the_log_probs_and_gradients_of_whole_rows(
    tiny: LanguageModel,
) -> None:
    long, short = list(range(5, 45)), list(range(7, 20))
    prompts, completions = [long, short, long, long, short], [[9, 2], [11], [10, 12, 2], [13, 2], [9, 2, 5, 6]]
    weights = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))

    def update(whole_rows: bool) -> tuple[Tensor, Tensor, list[Tensor]]:
        tiny.whole_rows = whole_rows  # what is computed again keeps no cache, so that rows are whole
        with tiny.adapters.training("policy") as parameters:
            done = completion_pass(tiny, collate(prompts, completions, tiny.pad_id), 0.7)
            loss = (done.log_probs * weights).sum() + (done.states[0, :2] * 0.1).sum()
            return done.log_probs.detach(), done.states.detach(), list(torch.autograd.grad(loss, parameters))

    (log_probs, states, gradients), (whole, whole_states, expected) = update(False), update(True)
    mask = collate(prompts, completions, tiny.pad_id).completion_mask
    torch.testing.assert_close(log_probs, whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(states[mask], whole_states[mask], atol=1e-5, rtol=0)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
    assert max(gradient.abs().max() for gradient in gradients) > 1e-2


def test_logits_are_made_of_the_real_tokens_of_completions_and_of_nothing_else(
    tiny: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    made = OutputLayer.__call__
    monkeypatch.setattr(OutputLayer, "__call__", lambda self, states: (rows.append(len(states)), made(self, states))[1])
    batch = collate([[5, 6, 7, 8], [9]], [[10, 2], [11, 12, 13, 14, 2]], 0)
    completion_pass(tiny, batch, 0.7)
    assert sum(rows) == int(batch.completion_mask.sum()) == 7
