"""Models are made ready on this machine by several processes at once, and from caches that others filled."""

import json
from pathlib import Path

import huggingface_hub
import huggingface_hub.errors
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


class Hub:
    """Stands for the hub: what its cache holds, what it has itself, and what was asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cached: Path, whole: Path, *, listed: bool = False) -> None:
        self.asked: list[tuple[str | None, bool, list[str]]] = []
        self.down: Exception | None = None
        self._cached, self._whole, self._listed = cached, whole, listed
        monkeypatch.setattr(huggingface_hub, "snapshot_download", self.download)
        monkeypatch.setattr(huggingface_hub, "get_cached_repo_tree", self.tree)

    def download(self, _: str, *, revision: str | None, allow_patterns: list[str], local_files_only: bool) -> str:
        self.asked.append((revision, local_files_only, allow_patterns))
        if not local_files_only and self.down is not None:
            raise self.down
        return str(self._cached if local_files_only else self._whole)

    def tree(self, name: str, *, revision: str) -> list[str]:
        if not self._listed:
            raise huggingface_hub.errors.CachedRepoTreeNotFoundError(f"{name} {revision}")
        return []


@pytest.fixture
def folders_of_a_model(tmp_path: Path) -> tuple[Path, Path]:
    """A model as it lies in a cache, under the name of a commit, and as the hub has it."""
    cached, whole = tmp_path / ("a" * 40), tmp_path / ("b" * 40)
    for folder in (cached, whole):
        folder.mkdir()
        build_tiny(folder)
    return cached, whole


def test_half_a_model_in_the_hub_s_cache_is_fetched_whole(
    folders_of_a_model: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    half, whole = folders_of_a_model
    hub = Hub(monkeypatch, half, whole, listed=True)
    (half / "model.safetensors").unlink()  # as `AutoTokenizer.from_pretrained` leaves it
    assert fetch.ensure("hub:people/tiny@v2") == whole
    assert [(revision, offline) for revision, offline, _ in hub.asked] == [
        ("v2", True), (half.name, True), ("v2", False), (whole.name, False)
    ]  # fmt: skip


def test_a_cache_that_another_program_filled_is_completed_once_and_serves_where_there_is_no_hub(
    folders_of_a_model: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cached, whole = folders_of_a_model
    hub = Hub(monkeypatch, cached, whole)
    (cached / "generation_config.json").unlink()  # what stops the model stands there
    assert fetch.ensure("hub:people/tiny") == whole
    assert hub.asked[2][0] == cached.name  # the very commit, whatever the hub calls by its name now
    hub.down = huggingface_hub.errors.LocalEntryNotFoundError("offline")
    assert fetch.ensure("hub:people/tiny") == cached
    assert Hub(monkeypatch, cached, whole, listed=True) and fetch.ensure("hub:people/tiny") == cached


def test_only_the_weights_that_are_loaded_are_fetched(
    folders_of_a_model: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cached, whole = folders_of_a_model
    hub = Hub(monkeypatch, cached, whole, listed=True)
    fetch.ensure("hub:people/tiny")
    assert hub.asked[-1][2] == ["model.safetensors"]
    (cached / "model.safetensors").rename(cached / "part.safetensors")
    (cached / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "part.safetensors"}}))
    assert fetch.ensure("hub:people/tiny") == cached
    assert hub.asked[-1][2] == ["part.safetensors"]


def test_a_download_that_breaks_off_ends_in_words_and_so_does_one_that_is_not_whole(
    folders_of_a_model: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cached, whole = folders_of_a_model
    hub = Hub(monkeypatch, cached, whole)
    (cached / "config.json").unlink()
    transport = huggingface_hub.errors.HfHubHTTPError.__bases__[0]
    hub.down = transport("peer closed connection")
    assert not isinstance(hub.down, OSError)
    assert fetch.main(["hub:people/tiny"]) == 2
    assert "hub:people/tiny could not be fetched (peer closed connection)" in capsys.readouterr().err
    hub.down = None
    (whole / "model.safetensors").unlink()
    with pytest.raises(UnknownModel, match="it has no weights"):
        fetch.ensure("hub:people/tiny")


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


def test_weights_are_one_file_or_what_an_index_names_or_all_there_are(tmp_path: Path) -> None:
    def named() -> list[str]:
        return [file.name for file in sources.weight_files(tmp_path)]

    for name in ("consolidated.safetensors", "model.safetensors"):
        (tmp_path / name).touch()
    (tmp_path / "consolidated.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "other"}}))
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "b", "y": "a"}}))
    assert named() == ["model.safetensors"]
    (tmp_path / "model.safetensors").unlink()
    assert named() == ["a", "b"]
    (tmp_path / "model.safetensors.index.json").unlink()
    assert named() == ["consolidated.safetensors"]
