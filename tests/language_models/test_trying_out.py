"""A base is tried out before a study is begun with it: what does not go is said then, not in the middle."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    MixtralConfig,
    ModernBertDecoderConfig,
    OPTConfig,
    PreTrainedConfig,
)

from language_models.adapters import Adapters
from language_models.errors import UnknownModel
from language_models.identity import BaseIdentity
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.settings import LoraSettings
from language_models.tiny import tiny_model, tiny_tokenizer
from language_models.trying_out import require_usable
from tiny_models import fresh_tiny, randomise

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


def test_an_adapter_changes_nothing_between_the_body_and_the_output() -> None:
    """ModernBERT's decoder has a layer there: sampled through, while log-probs are made of the body's states."""
    config = ModernBertDecoderConfig(**SIZES, intermediate_size=32, pad_token_id=0, initializer_range=0.2)
    model = model_of(config)
    require_usable(model)
    model.adapters.add("policy", LoraSettings(rank=2, alpha=4), 0)
    randomise(model, "policy", 0)
    assert not [name for name in model.adapters.parameters("policy") if "lm_head" in name]
    assert not [name for name in model.adapters.linear_shapes() if "lm_head" in name]
    batch = model.laid_out([[5, 6, 7]], [[9, 10]])
    with torch.no_grad(), model.adapters.using("policy"):
        found = completion_pass(model, batch, 1.0).log_probs
        whole = torch.log_softmax(model.network(input_ids=batch.input_ids).logits, -1)
    torch.testing.assert_close(found[0], whole[0, [2, 3], [9, 10]], atol=1e-5, rtol=0)


def test_what_an_adapter_changes_is_compared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Adapters, "_all_linear", lambda _: "all-linear")  # as it would be with no look at the body
    config = ModernBertDecoderConfig(**SIZES, intermediate_size=32, pad_token_id=0, initializer_range=0.2)
    with pytest.raises(UnknownModel, match=r"an adapter of its architecture .* nats from those of the whole"):
        require_usable(model_of(config))


def test_a_pad_token_behind_the_end_of_the_embedding_is_not_taken_for_filling() -> None:
    tokenizer = tiny_tokenizer()
    network = tiny_model(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    model = LanguageModel(network, tokenizer, fresh_tiny().identity)
    assert tokenizer.pad_token_id == network.get_input_embeddings().num_embeddings
    assert model.pad_id == tokenizer.eos_token_id
    require_usable(model)


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
