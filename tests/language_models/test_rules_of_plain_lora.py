"""Each rule of plain LoRA at its edges."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from language_models.plain_lora import CONFIG, WEIGHTS, NotPlainLora, base_named, read

NAME = "base_model.model.layer"


def written(folder: Path, rank: int = 8, shapes: tuple[int, int] | None = None, **values: Any) -> Path:
    """An adapter of one layer, 6 to 5; `shapes`: the ranks of A and B where they are others."""
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 16, "target_modules": ["layer"]}
    (folder / CONFIG).write_text(json.dumps({**config, **values}))
    of_a, of_b = shapes or (rank, rank)
    tensors = {f"{NAME}.lora_A.weight": torch.zeros(of_a, 6), f"{NAME}.lora_B.weight": torch.zeros(5, of_b)}
    save_file(tensors, folder / WEIGHTS)
    return folder


@pytest.mark.parametrize(("rank", "served"), [(1, 1), (2, 8), (8, 8), (9, 16), (16, 16), (257, 320), (512, 512)])
def test_it_is_served_by_the_least_rank_that_is_allowed_and_holds_it(tmp_path: Path, rank: int, served: int) -> None:
    found = read(written(tmp_path, rank))
    assert (found.rank, found.served_rank, found.layers) == (rank, served, {"layer": (5, 6)})


@pytest.mark.parametrize("shapes", [(4, 8), (8, 4)])
def test_both_matrices_have_the_rank_that_is_stated(tmp_path: Path, shapes: tuple[int, int]) -> None:
    of_a, of_b = shapes
    with pytest.raises(NotPlainLora, match=rf"layer has the shapes A \[{of_a}, 6\] and B \[5, {of_b}\]"):
        read(written(tmp_path, shapes=shapes))


@pytest.mark.parametrize("alpha", [0, -1, float("inf"), float("nan"), "16"])
def test_a_scale_is_a_number_above_0(tmp_path: Path, alpha: object) -> None:
    with pytest.raises(NotPlainLora, match="it has to be a number above 0"):
        read(written(tmp_path, lora_alpha=alpha))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"layer_replication": [[0, 2], [1, 3]]}, "repeated layers"),
        ({"trainable_token_indices": [1, 2]}, "trained tokens"),
        ({"target_parameters": ["experts.weight"]}, "parameters outside of linear layers"),
        ({"megatron_config": {"tensor_parallel": 2}}, "Megatron's layers"),
        ({"exclude_modules": ["lm_head"]}, "excluded modules"),
    ],
)
def test_what_else_an_adapter_may_be_is_refused_by_name(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    with pytest.raises(NotPlainLora, match=f"it uses {words}"):
        read(written(tmp_path, **values))


@pytest.mark.parametrize("start", [True, False, "gaussian", "Gaussian", "orthogonal", "eva"])
def test_a_start_that_leaves_the_base_alone_is_allowed(tmp_path: Path, start: object) -> None:
    assert read(written(tmp_path, init_lora_weights=start)).alpha == 16.0


def test_an_adapter_without_a_matrix_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    save_file({}, tmp_path / WEIGHTS)
    with pytest.raises(NotPlainLora, match="it holds no LoRA matrix at all"):
        read(tmp_path)


def test_it_tells_the_base_and_the_revision_that_it_names(tmp_path: Path) -> None:
    assert base_named(written(tmp_path)) == (None, None)
    folder = written(tmp_path, base_model_name_or_path="people/model", revision="0123abc")
    assert base_named(folder) == ("people/model", "0123abc")
