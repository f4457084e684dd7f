"""Models are made ready on this machine by several processes at once, and from caches that others filled."""

import json
from pathlib import Path

import pytest

from language_models import fetch, folders, sources
from language_models.errors import UnknownModel
from language_models.tiny import build_tiny


def test_making_one_model_ready_leaves_another_s_half_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTEMAKER_CACHE", str(tmp_path))
    models = sources.cached(sources.parse("tiny:")).parent
    own, other = models / ".writing-tiny-1-0123abcd", models / ".writing-smollm2-135m-instruct-b179c9523d0e-0123abcd"
    for folder in (own, other):
        folder.mkdir(parents=True)
    assert folders.verify(fetch.ensure("tiny:"))
    assert other.is_dir() and not own.exists()


def test_half_a_model_in_the_hub_s_cache_is_fetched_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    half, whole = tmp_path / "half", tmp_path / "whole"
    for folder in (half, whole):
        folder.mkdir()
        build_tiny(folder)
    (half / "model.safetensors").unlink()  # as `AutoTokenizer.from_pretrained` leaves it
    asked = []

    def download(name: str, *, revision: str | None, allow_patterns: list[str], local_files_only: bool = False) -> str:
        asked.append((name, revision, local_files_only))
        return str(half if local_files_only else whole)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert fetch.ensure("hub:people/tiny@v2") == whole
    assert asked == [("people/tiny", "v2", True), ("people/tiny", "v2", False)]


def test_a_base_of_the_hub_is_named_with_its_revision_where_one_was_asked_for() -> None:
    pinned, plain = sources.parse("hub:people/tiny@0123abc"), sources.parse("hub:people/tiny")
    assert (pinned.name, pinned.revision, str(pinned)) == ("people/tiny", "0123abc", "hub:people/tiny@0123abc")
    assert (plain.name, plain.revision, str(plain)) == ("people/tiny", None, "hub:people/tiny")
    with pytest.raises(UnknownModel, match="hub:ORG/NAME or hub:ORG/NAME@REVISION"):
        sources.parse("hub:people/tiny@")


def test_a_model_that_lacks_a_part_of_its_weights_is_not_whole(tmp_path: Path) -> None:
    build_tiny(tmp_path)
    sources.require_whole(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "model-00001-of-00002.safetensors")
    with pytest.raises(UnknownModel, match=r"its weights lack model-00002-of-00002\.safetensors"):
        sources.require_whole(tmp_path)
    (tmp_path / "model-00001-of-00002.safetensors").rename(tmp_path / "a.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "a.safetensors", "y": "b"}}))
    with pytest.raises(UnknownModel, match=r"its weights lack b;"):
        sources.require_whole(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(UnknownModel, match=r"index\.json cannot be read"):
        sources.require_whole(tmp_path)
