"""The shelf of exports: one bad entry is shown as such and hides no other; links lead nowhere."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import errand_work, errands, exchange, export_shelf
from feedback_store.database import Database
from feedback_store.dataset_folder import DatasetFiles
from feedback_store.errors import InvalidInput, StoreUnavailable


@pytest.fixture
def shelf(db: Database, tmp_path: Path) -> Path:
    """A good export, a link to a folder elsewhere, and three whose descriptions are none."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.txt").write_text("secret")
    exports = db.folder / export_shelf.FOLDER
    for name in ("good", "broken", "list", "wrong"):
        (exports / name).mkdir(parents=True)
        (exports / name / "train.jsonl").write_text("{}\n")
    (exports / "good" / "link.txt").symlink_to(elsewhere / "secret.txt")
    (exports / "link").symlink_to(elsewhere, target_is_directory=True)
    (exports / "gone").symlink_to(tmp_path / "nowhere")
    descriptions = db.folder / export_shelf.DESCRIPTIONS
    descriptions.mkdir()
    for name, about in (("good", '{"format": "trl"}'), ("broken", "{oops"), ("list", "[1]")):
        (descriptions / f"{name}.json").write_text(about)
    (descriptions / "wrong.json").write_text(json.dumps({"counts": "many"}))
    return exports


def test_one_bad_entry_is_shown_and_the_others_stay(db: Database, shelf: Path):
    found = {one.name: (one.trouble, [file["file"] for file in one.files]) for one in export_shelf.listing(db)}
    there = ["train.jsonl"]
    bad = ("no_description", there)
    assert found == {
        "good": (None, there), "link": ("link", []), "gone": ("link", []), "broken": bad, "list": bad, "wrong": bad,
    }  # fmt: skip
    assert export_shelf.get(db, "good").format == "trl"


def test_a_folder_that_cannot_be_read_is_told(db: Database, shelf: Path, monkeypatch: pytest.MonkeyPatch):
    iterdir = Path.iterdir

    def refuse(path: Path):
        if path.name == "broken":
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert {one.name: one.trouble for one in export_shelf.listing(db)}["broken"] == "unreadable"
    with pytest.raises(InvalidInput, match="cannot be read"):
        export_shelf.file_of(db, "broken", "train.jsonl")


def test_links_are_never_followed(db: Database, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, file in (("link", "secret.txt"), ("good", "link.txt")):
        with pytest.raises(InvalidInput, match="There is no file"):
            export_shelf.file_of(db, name, file)
    export_shelf.remove(db, "link")
    assert (tmp_path / "elsewhere" / "secret.txt").exists() and not (shelf / "link").is_symlink()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(export_shelf.shutil, "rmtree", refuse)
    with pytest.raises(StoreUnavailable, match="good could not be removed"):
        export_shelf.remove(db, "good")


FULL = OSError(errno.ENOSPC, "No space left on device")


def raising(error: OSError) -> Callable[..., None]:
    def refuse(*_: object, **__: object) -> None:
        raise error

    return refuse


def test_a_disk_that_fills_up_under_an_export_is_told(
    db: Database, compare: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    compare(db, 1)
    monkeypatch.setattr(DatasetFiles, "finish", raising(FULL))
    with pytest.raises(StoreUnavailable, match=r"disk is full\. Of the export out nothing was kept"):
        exchange.export(db, "trl", tmp_path / "out")
    monkeypatch.setattr(DatasetFiles, "finish", raising(PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(StoreUnavailable, match=r"refused the write \(Permission denied\)"):
        exchange.export(db, "trl", tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".writing-*"))


@pytest.mark.parametrize("where", [(DatasetFiles, "finish"), (Path, "replace")], ids=["export", "description"])
def test_who_asked_for_an_export_reads_that_the_disk_is_full(
    db: Database, monkeypatch: pytest.MonkeyPatch, where: tuple[type, str]
):
    order = {"format": "trl", "options": {}, "filters": {}, "name": "trl-1", "data_licence": None, "base_licence": None}
    about = {"verb": "export", "order": order, "by": 1, "role": "admin", "created_at": "2026-11-23T10:00:00.000Z"}
    folder = db.folder / errands.FOLDER / "00000000000000aa"
    folder.mkdir(parents=True)
    (folder / "order.json").write_text(json.dumps(about))
    replace = Path.replace
    monkeypatch.setattr(*where, raising(FULL))
    monkeypatch.setattr(errand_work.os, "nice", lambda by: None)
    monkeypatch.setattr(errands, "_write_whole", lambda path, content: path.write_text(json.dumps(content)))
    errand_work.main(str(db.folder), folder.name)
    monkeypatch.setattr(Path, "replace", replace)
    done = errands.get(db, folder.name)
    assert done.status == "failed" and str(done.error).startswith("The disk is full.") and "trl-1" in str(done.error)
    assert export_shelf.listing(db) == [] and list((db.folder / export_shelf.DESCRIPTIONS).glob("*")) == []
