"""By what a base is known: every part of its weights, its tokens and its template, each on its own."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from language_models import folders, sources
from language_models.identity import BaseIdentity
from language_models.model import LanguageModel
from language_models.settings import LoraSettings
from language_models.sources import BUNDLED_HUB_ID
from language_models.tiny import tiny_model, tiny_tokenizer
from rounds import policy_record


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base in several files of weights."""
    tokenizer = tiny_tokenizer()
    tiny_model(tokenizer).save_pretrained(tmp_path, max_shard_size="100KB")
    tokenizer.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    return tmp_path


def change_last_weights(folder: Path) -> None:
    path = sorted(folder.glob("*.safetensors"))[-1]
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})


def swap_two_tokens(folder: Path) -> None:
    path = folder / "tokenizer.json"
    told = json.loads(path.read_text())
    vocabulary = told["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    path.write_text(json.dumps(told))


def change_template(folder: Path) -> None:
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text() + "{# changed #}")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (change_last_weights, "sha256"),
        (swap_two_tokens, "tokenizer_sha256"),
        (change_template, "template_sha256"),
    ],
)
def test_a_change_in_one_part_is_seen_in_its_hash_and_in_no_other(
    base: Path, change: Callable[[Path], None], part: str
) -> None:
    before = vars(LanguageModel.load(str(base)).identity)
    change(base)
    after = vars(LanguageModel.load(str(base)).identity)
    assert [name for name in before if before[name] != after[name]] == [part]


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("bundled:smollm2-135m-instruct", BUNDLED_HUB_ID),
        ("hub:people/model@0123abc", "people/model"),
        ("tiny:", "tiny:"),
        ("/home/somebody/models/base", "./base"),
    ],
)
def test_an_adapter_names_its_base_as_others_find_it_on_the_hub(tmp_path: Path, source: str, named: str) -> None:
    tokenizer = tiny_tokenizer()
    model = LanguageModel(tiny_model(tokenizer), tokenizer, BaseIdentity(source, "weights", "tokenizer", "template"))
    for name in ("first", "second"):
        model.adapters.add(name, LoraSettings(rank=4), 0)
        (tmp_path / name).mkdir()
        model.adapters.save(name, tmp_path / name)
        assert json.loads((tmp_path / name / "adapter_config.json").read_text())["base_model_name_or_path"] == named


def test_weights_that_lie_there_a_second_time_in_another_layout_are_no_part_of_a_base(base: Path) -> None:
    before = LanguageModel.load(str(base)).identity
    again = base / "consolidated.safetensors"  # as later Mistrals have it
    save_file({"tok_embeddings.weight": torch.zeros(2)}, again)
    found = LanguageModel.load(str(base)).identity
    digests = "".join(folders.file_sha256(path) for path in sorted(base.glob("*.safetensors")))
    assert found.sha256 == before.sha256
    assert found.former_sha256s == (hashlib.sha256(digests.encode()).hexdigest(),)  # as studies of before recorded it
    assert found.known_as(found.former_sha256s[0]).sha256 == found.former_sha256s[0]
    recorded = policy_record.weights_sha256(base)
    assert again.name not in recorded and len(recorded) > 1
    assert policy_record.are_the_weights({**recorded, again.name: folders.file_sha256(again)}, recorded)
    assert not policy_record.are_the_weights({again.name: folders.file_sha256(again)}, recorded)
    again.write_text("cut short")
    sources.require_whole(base)


@pytest.mark.parametrize("manifest", ['{"name": "x"}', "[]", "no JSON", '{"sha256": "abc"}', '{"sha256": {"a": 1}}'])
def test_a_manifest_of_another_program_counts_for_nothing(base: Path, manifest: str) -> None:
    before = LanguageModel.load(str(base)).identity
    (base / folders.MANIFEST).write_text(manifest)
    assert LanguageModel.load(str(base)).identity == before
