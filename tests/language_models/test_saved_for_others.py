"""What transformers 4 looks for stands in the files, and what transformers 5 reads of them is what it read before."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from language_models.folders import file_sha256
from language_models.model import LanguageModel
from language_models.saved_for_others import readable_elsewhere
from language_models.tiny import build_tiny, tiny_tokenizer

LLAMA_3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
SHORT, LONG = [1.0, 1.5, 2.0, 2.5], [1.0, 2.0, 4.0, 8.0]
LONGROPE = {
    "rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG, "original_max_position_embeddings": 64,
}  # fmt: skip
SMALL = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "vocab_size": 300, "pad_token_id": 0,
    "initializer_range": 0.3,
}  # fmt: skip


def config_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


def logits_in(folder: Path) -> torch.Tensor:
    with torch.no_grad():
        return AutoModelForCausalLM.from_pretrained(folder).eval()(input_ids=torch.arange(5, 205)[None]).logits


@pytest.mark.parametrize(
    ("architecture", "rope", "on_top", "scaling"),
    [
        ("llama", {"rope_type": "default"}, {}, None),
        ("llama", LLAMA_3, {}, {**LLAMA_3, "type": "llama3"}),
        ("llama", {"rope_type": "linear", "factor": 4.0}, {}, {"type": "linear", "factor": 4.0}),
        ("stablelm", {"rope_type": "default", "partial_rotary_factor": 0.5}, {"partial_rotary_factor": 0.5}, None),
        (
            "phi3",
            LONGROPE,
            {"original_max_position_embeddings": 64},
            {"type": "longrope", "short_factor": SHORT, "long_factor": LONG},
        ),
    ],
    ids=["plain", "llama3", "linear", "partial", "longrope"],
)
def test_numbers_of_rope_stand_where_older_programs_look(
    tmp_path: Path, architecture: str, rope: dict[str, Any], on_top: dict[str, Any], scaling: dict[str, Any] | None
) -> None:
    config = AutoConfig.for_model(architecture, rope_parameters={**rope, "rope_theta": 5e5}, **SMALL, **on_top)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    before, logits, weights = config_in(tmp_path), logits_in(tmp_path), file_sha256(tmp_path / "model.safetensors")
    readable_elsewhere(tmp_path)
    found = config_in(tmp_path)
    assert found["rope_theta"] == 5e5 == found["rope_parameters"]["rope_theta"]
    assert {key: found[key] for key in on_top} == on_top
    wanted = None if scaling is None else {key: value for key, value in scaling.items() if key != "rope_type"}
    assert found.get("rope_scaling") == wanted
    assert {key: found[key] for key in before} == before
    assert torch.equal(logits_in(tmp_path), logits)
    assert file_sha256(tmp_path / "model.safetensors") == weights


def test_a_text_config_within_is_read_and_numbers_by_kind_of_layer_are_left_alone(tmp_path: Path) -> None:
    by_kind = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    config = {"text_config": {"rope_parameters": {"rope_theta": 5e5}}, "rope_parameters": by_kind}
    (tmp_path / "config.json").write_text(json.dumps(config))
    readable_elsewhere(tmp_path)
    within = {"rope_parameters": {"rope_theta": 5e5}, "rope_theta": 5e5}
    assert config_in(tmp_path) == {"text_config": within, "rope_parameters": by_kind}


@pytest.mark.parametrize(
    "config", [{"rope_theta": 5e5}, {"rope_theta": 5e5, "rope_parameters": {"rope_theta": 5e5}}, {"n_positions": 64}]
)
def test_a_config_that_lacks_nothing_stays_as_it_is_to_the_byte(tmp_path: Path, config: dict[str, Any]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config, indent=7))
    readable_elsewhere(tmp_path)
    assert (tmp_path / "config.json").read_text() == json.dumps(config, indent=7)


def test_a_tokenizer_has_a_class_and_a_list_that_older_programs_know(tmp_path: Path) -> None:
    build_tiny(tmp_path)
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"extra_special_tokens": ["<extra>"]})
    tokenizer.save_pretrained(tmp_path)
    before = AutoTokenizer.from_pretrained(tmp_path)
    own = LanguageModel.load(str(tmp_path))
    readable_elsewhere(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert config["model_input_names"] == ["input_ids", "attention_mask"]
    assert config["additional_special_tokens"] == ["<extra>"] and "extra_special_tokens" not in config
    found = AutoTokenizer.from_pretrained(tmp_path)
    text = "Hello<extra> there<|im_end|>"
    assert found(text).data == before(text).data
    assert found.all_special_tokens == before.all_special_tokens == ["<|im_end|>", "<|endoftext|>", "<extra>"]
    loaded = LanguageModel.load(str(tmp_path))
    assert (loaded.identity, loaded.stop_ids, loaded.end_id) == (own.identity, own.stop_ids, own.end_id)
    asked = [{"role": "user", "content": "Hello"}]
    assert loaded.tokens(asked) == own.tokens(asked)
