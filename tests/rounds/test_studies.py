"""Studies: made once, kept on their base, with settings that have a history."""

import json
import os

import pytest

from feedback_store import prompts, study_settings
from feedback_store.database import Database
from feedback_store.errors import StudyNotFound
from language_models import fetch, folders, sources
from language_models.errors import UnknownModel
from language_models.tiny import build_tiny
from rounds import studies
from rounds.model_host import ModelHost
from rounds.settings import SettingsError
from tests.builders.policy_studies import HUB, put_tiny_on_hub


def safetensors(numbers: bytes) -> bytes:
    """A file with one tensor, written out by hand."""
    head = json.dumps({"w": {"dtype": "U8", "shape": [len(numbers)], "data_offsets": [0, len(numbers)]}}).encode()
    return len(head).to_bytes(8, "little") + head + numbers


def model_folder(path, *, weights=b"weights"):
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (path / "tokenizer.json").write_text("{}")
    (path / "model.safetensors").write_bytes(safetensors(weights))
    (path / "pytorch_model.bin").write_bytes(b"pickled")
    (path / "manifest.json").write_text("{}")
    return path


def test_a_study_is_not_made_unless_asked_for(tmp_path):
    with pytest.raises(StudyNotFound, match=r"There is no study in .*nowhere"):
        studies.open_or_create(tmp_path / "nowhere", base="tiny:")
    assert not (tmp_path / "nowhere").exists()


def test_a_new_study_keeps_its_settings_and_opens_again(tmp_path):
    studies.open_or_create(tmp_path / "s", base="tiny:", create=True, seed=5).close()
    with studies.open_or_create(tmp_path / "s") as db:
        assert studies.settings(db).base == "tiny:"
        assert studies.settings(db).seed == 5
        assert prompts.count(db) == 0


def test_a_tiny_study_writes_short_completions(tmp_path):
    with studies.open_or_create(tmp_path / "s", base="tiny:", create=True) as db:
        assert studies.settings(db).sampling.max_new_tokens == 16


def test_without_a_base_the_default_model_is_taken(tmp_path):
    with studies.open_or_create(tmp_path / "s", create=True) as db:
        assert studies.settings(db).base == sources.default_source()


def test_the_demo_study_has_its_prompts_and_more_than_a_hundred_of_them_are_held_out(tmp_path):
    drawn = []
    for seed in (0, 1):
        with studies.open_or_create(tmp_path / f"s{seed}", base="tiny:", create=True, demo=True, seed=seed) as db:
            assert prompts.count(db) >= 300
            assert prompts.count(db, "holdout") == round(0.34 * prompts.count(db)) > 100
            drawn.append([prompt.id for prompt in prompts.listing(db, "holdout")])
    assert drawn[0] != drawn[1]


def test_opening_the_demo_study_again_adds_nothing(tmp_path):
    studies.open_or_create(tmp_path / "s", base="tiny:", create=True, demo=True).close()
    with studies.open_or_create(tmp_path / "s", base="tiny:", create=True, demo=True) as db:
        assert len(study_settings.history(db, studies.SETTING)) == 1


def test_another_base_is_refused_with_both_named(tmp_path):
    studies.open_or_create(tmp_path / "s", base="tiny:", create=True).close()
    with pytest.raises(studies.OtherBase, match="made on the base tiny:, not on hub:some/model"):
        studies.open_or_create(tmp_path / "s", base="hub:some/model")


def test_an_unknown_base_or_setting_leaves_no_study_behind(tmp_path):
    with pytest.raises(UnknownModel, match="no/such/folder"):
        studies.open_or_create(tmp_path / "s", base="no/such/folder", create=True)
    with pytest.raises(SettingsError, match="holdout_share = 2 is not allowed"):
        studies.open_or_create(tmp_path / "s", base="tiny:", create=True, holdout_share=2)
    assert not (tmp_path / "s").exists()


def test_a_base_folder_is_copied_into_the_study_so_that_it_can_move(tmp_path):
    folder = model_folder(tmp_path / "model")
    with studies.open_or_create(tmp_path / "s", base=str(folder), create=True) as db:
        assert studies.settings(db).base == "models/base"
    kept = tmp_path / "s" / "models" / "base"
    names = ["config.json", "manifest.json", "model.safetensors", "tokenizer.json"]
    assert sorted(path.name for path in kept.iterdir()) == names
    assert (folder / "manifest.json").read_text() == "{}"
    studies.open_or_create(tmp_path / "s", base=str(folder)).close()
    other = model_folder(tmp_path / "other", weights=b"others")
    with pytest.raises(studies.OtherBase, match="models/base"):
        studies.open_or_create(tmp_path / "s", base=str(other))


def test_a_base_folder_that_is_changed_in_place_changes_no_study(tmp_path):
    (tmp_path / "base").mkdir()
    build_tiny(tmp_path / "base")
    studies.open_or_create(tmp_path / "s", base=str(tmp_path / "base"), create=True).close()
    weights = tmp_path / "base" / "model.safetensors"
    before = weights.read_bytes()
    with weights.open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"else")
    kept = tmp_path / "s" / studies.BASE_FOLDER
    assert (kept / weights.name).read_bytes() == before
    folders.verify(kept)


@pytest.mark.parametrize("named", [HUB, f"{HUB}@v1"])
def test_a_base_of_the_hub_is_the_commit_that_was_first_loaded(tmp_path, monkeypatch, named):
    first = put_tiny_on_hub(monkeypatch, tmp_path)
    with studies.open_or_create(tmp_path / "s", base=named, create=True) as db:
        ModelHost(db, studies.settings(db).base).register_base()
        assert studies.settings(db).base == f"{HUB}@{first.name}"
        asked = []
        monkeypatch.setattr(fetch, "_from_hub", lambda source: asked.append(source.revision) or first)
        ModelHost(db, studies.settings(db).base).register_base()  # whatever the branch names by now
        assert set(asked) == {first.name}
    for again in (named, f"{HUB}@{first.name}", None):
        studies.open_or_create(tmp_path / "s", base=again).close()
    with pytest.raises(studies.OtherBase, match="not on hub:people/tiny@main"):
        studies.open_or_create(tmp_path / "s", base=f"{HUB}@main")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("config.json", b"{not json", "config.json cannot be read"),
        ("config.json", b"[]", "names no model_type"),
        ("model.safetensors", None, "has no weights"),
        ("model.safetensors", b"xx" * 50, "is no safetensors file"),
        ("model.safetensors", safetensors(b"weights")[:-1], "was cut short"),
        ("model.safetensors", b"", "was cut short"),
        ("tokenizer.json", None, "has no tokenizer"),
    ],
)
def test_a_base_folder_that_is_broken_is_refused_before_a_study_is_made(tmp_path, file, content, words):
    folder = model_folder(tmp_path / "model")
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(UnknownModel, match=words):
        studies.open_or_create(tmp_path / "s", base=str(folder), create=True)
    assert not (tmp_path / "s").exists()


def test_a_study_that_was_left_half_made_is_finished(tmp_path):
    Database.create(tmp_path / "s").close()
    with studies.open_or_create(tmp_path / "s", base="tiny:", create=True, demo=True) as db:
        assert studies.settings(db).base == "tiny:"
        assert prompts.count(db) > 0


def test_changed_settings_keep_their_history_and_the_base_cannot_change(tmp_path):
    with studies.open_or_create(tmp_path / "s", base="tiny:", create=True) as db:
        assert studies.change_settings(db, queue_target=10).queue_target == 10
        assert studies.settings(db).queue_target == 10
        assert len(study_settings.history(db, studies.SETTING)) == 2
        with pytest.raises(studies.OtherBase, match="cannot be changed"):
            studies.change_settings(db, base="hub:some/model")
        with pytest.raises(SettingsError, match="queue_target = 0 is not allowed"):
            studies.change_settings(db, queue_target=0)
