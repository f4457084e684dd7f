"""An adapter merged into a copy: the adapter as it is now, and nothing else that is not the base's own."""

import torch
from transformers import AutoModelForCausalLM, GPT2Config

from language_models.merging import merged_state
from language_models.model import LanguageModel
from language_models.settings import LoraSettings
from language_models.tiny import tiny_tokenizer
from tiny_models import fresh_tiny, randomise

IDS = torch.tensor([[5, 6, 7, 8]])


def logits(model: LanguageModel, adapter: str, *, merged: bool) -> torch.Tensor:
    with torch.no_grad():
        if merged:
            with model.sampled_from(adapter) as network:
                return network(input_ids=IDS).logits
        with model.adapters.using(adapter):
            return model.network(input_ids=IDS).logits


def test_what_is_sampled_from_follows_the_adapter_from_one_step_to_the_next(tiny: LanguageModel) -> None:
    before = logits(tiny, "policy", merged=True)
    randomise(tiny, "policy", 9)
    after = logits(tiny, "policy", merged=True)
    torch.testing.assert_close(after, logits(tiny, "policy", merged=False), atol=1e-4, rtol=0)
    assert not torch.allclose(before, after, atol=1e-2)


def test_a_copy_has_the_names_of_its_base_and_its_biases() -> None:
    network = AutoModelForCausalLM.from_config(GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2))
    model = LanguageModel(network, tiny_tokenizer(), fresh_tiny().identity)
    names = network.state_dict().keys()
    model.adapters.add("policy", LoraSettings(rank=4), 1)
    own = {tensor.data_ptr() for tensor in model.network.parameters()}
    with model.sampled_from("policy") as merged:
        biases = {name: one for name, one in merged.named_parameters() if name.endswith(".bias")}
        assert merged.state_dict().keys() == names
    assert len(biases) > 8 and all(one.data_ptr() in own for one in biases.values())


def test_the_state_with_one_adapter_merged_in_is_that_of_a_plain_network(tiny: LanguageModel) -> None:
    plain = fresh_tiny().network
    state = merged_state(tiny.adapters.require("policy"), "policy")
    assert state.keys() == plain.state_dict().keys()
    plain.load_state_dict(state)
    with torch.no_grad():
        found = plain(input_ids=IDS).logits
    torch.testing.assert_close(found, logits(tiny, "policy", merged=False), atol=1e-4, rtol=0)
