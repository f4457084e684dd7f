"""Adapters are plain LoRA, or refused with all that is wrong: the rules of vLLM's loader, and ours on top."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from language_models.plain_lora import CONFIG, WEIGHTS, NotPlainLora, read
from tests.builders.tiny_models import tiny_with_adapters


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    tiny_with_adapters().adapters.save("policy", folder)
    return folder


def change(folder: Path, **values: Any) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **values}))


def change_tensors(folder: Path, act: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(folder / WEIGHTS)
    act(tensors)
    save_file(tensors, folder / WEIGHTS)


def test_our_own_adapters_keep_the_rules(adapter: Path) -> None:
    found = read(adapter)
    assert (found.rank, found.alpha, found.served_rank) == (4, 8.0, 8)
    assert found.layers["model.layers.0.mlp.up_proj"] == (64, 32)
    assert len(found.layers) == 3 * 7


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"use_dora": True}, "it uses DoRA"),
        ({"use_rslora": True}, "rsLoRA"),
        ({"bias": "lora_only"}, "bias = 'lora_only'"),
        ({"lora_bias": True}, "a bias in LoRA layers"),
        ({"modules_to_save": ["lm_head"]}, "modules saved whole"),
        ({"rank_pattern": {"q_proj": 32}}, "rank_pattern"),
        ({"alpha_pattern": {"q_proj": 32}}, "alpha_pattern"),
        ({"init_lora_weights": "pissa_niter_4"}, "'pissa_niter_4', which changes the base's own weights"),
        ({"peft_type": "IA3"}, "of the kind 'IA3'"),
        ({"peft_type": "lora"}, "of the kind 'lora', not 'LORA'"),
        ({"alora_invocation_tokens": [1, 2]}, "tokens that switch it on"),
        ({"use_bdlora": {"nblocks": 2}}, "block-diagonal"),
        ({"arrow_config": {"top_k": 3}}, "several adapters in one"),
        ({"monteclora_config": {"sample_scaler": 1.0}}, "sampled matrices"),
        ({"r": 0}, "its rank is 0; allowed are whole numbers from 1 to 512"),
        ({"r": 513}, "its rank is 513"),
        ({"r": 8}, r"\[4, 32\].*not \[8, in\]"),
        ({"lora_alpha": None}, "its lora_alpha is None"),
        ({"target_modules": None}, "names no target_modules"),
    ],
)
def test_what_others_do_not_load_is_refused_by_name(adapter: Path, values: dict[str, Any], words: str) -> None:
    change(adapter, **values)
    with pytest.raises(NotPlainLora, match=words):
        read(adapter)


def test_all_faults_are_told_at_once(adapter: Path) -> None:
    change(adapter, use_dora=True, bias="all")
    with pytest.raises(NotPlainLora, match=r"bias = 'all'.*DoRA"):
        read(adapter)


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("base_model.model.score.weight", torch.zeros(1, 32), "is no LoRA matrix of a linear layer"),
        ("base_model.model.model.embed_tokens.lora_embedding_A", torch.zeros(4, 32), "is no LoRA matrix"),
        ("base_model.model.a.lora_A.default.weight", torch.zeros(4, 32), "is no LoRA matrix"),
        ("base_model.model.a.lora_A.weight", torch.zeros(4, 32), r"a has the shapes A \[4, 32\] and B \[\]"),
        ("base_model.model.a.lora_A.weight", torch.zeros(4, 32, dtype=torch.int8), "of type I8"),
    ],
)
def test_files_hold_lora_matrices_and_nothing_else(adapter: Path, name: str, tensor: Any, words: str) -> None:
    change_tensors(adapter, lambda tensors: tensors.update({name: tensor}))
    with pytest.raises(NotPlainLora, match=words):
        read(adapter)


def test_pickles_are_not_read(adapter: Path) -> None:
    (adapter / WEIGHTS).rename(adapter / "adapter_model.bin")
    with pytest.raises(NotPlainLora, match=r"it has adapter_model\.bin, and nothing is unpickled here"):
        read(adapter)


def test_a_file_that_was_cut_short_is_no_adapter(adapter: Path) -> None:
    (adapter / WEIGHTS).write_bytes((adapter / WEIGHTS).read_bytes()[:-100])
    with pytest.raises(NotPlainLora, match="cut short"):
        read(adapter)
    (adapter / WEIGHTS).write_bytes(b"no")
    with pytest.raises(NotPlainLora, match="no safetensors file"):
        read(adapter)


def test_a_folder_without_a_config_is_no_adapter(adapter: Path) -> None:
    (adapter / CONFIG).write_text("[]")
    with pytest.raises(NotPlainLora, match="holds no settings"):
        read(adapter)
    (adapter / CONFIG).unlink()
    with pytest.raises(NotPlainLora, match=r"it has no adapter_config\.json"):
        read(adapter)
