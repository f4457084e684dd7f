"""A base is tried out before a study is begun with it: what does not go is said then, not in the middle."""

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config, GPT2Config, MixtralConfig, OPTConfig, PreTrainedConfig

from language_models.errors import UnknownModel
from language_models.identity import BaseIdentity
from language_models.model import LanguageModel
from language_models.tiny import tiny_tokenizer
from language_models.trying_out import require_usable
from tiny_models import fresh_tiny

SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
FEW = {"intermediate_size": 32, "num_key_value_heads": 1, "head_dim": 8}


def model_of(config: PreTrainedConfig) -> LanguageModel:
    network = AutoModelForCausalLM.from_config(config)
    return LanguageModel(network, tiny_tokenizer(), BaseIdentity("hub:org/name", "weights", "tokenizer", "template"))


def test_a_base_that_can_be_used_is_left_as_it_was() -> None:
    model = fresh_tiny()
    before = {name: one.clone() for name, one in model.network.state_dict().items()}
    drawn = torch.random.get_rng_state()
    require_usable(model)
    assert model.adapters.names == []
    after = model.network.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(after[name], one) for name, one in before.items())
    assert torch.equal(torch.random.get_rng_state(), drawn)


@pytest.mark.parametrize(
    "config",
    [GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2), Gemma2Config(**SIZES, **FEW)],
    ids=lambda config: config.model_type,
)
def test_architectures_that_nobody_named_are_taken(config: PreTrainedConfig) -> None:
    require_usable(model_of(config))


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (MixtralConfig(**SIZES, **FEW, num_local_experts=2), "log-probs of completions"),
        (OPTConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, ffn_dim=32, num_attention_heads=2,
                   word_embed_proj_dim=16), "log-probs of completions"),
    ],
    ids=["mixtral", "opt"],
)  # fmt: skip
def test_an_architecture_that_does_not_go_is_refused_in_words(config: PreTrainedConfig, what: str) -> None:
    said = rf"hub:org/name cannot be used: {what} of its architecture \({config.model_type}\) failed .*Known to work: "
    with pytest.raises(UnknownModel, match=said):
        require_usable(model_of(config))
