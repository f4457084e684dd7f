"""The shelf of exports: one bad entry is shown as such and hides no other; links lead nowhere."""

import json
from pathlib import Path

import pytest

from feedback_store import export_shelf
from feedback_store.database import Database
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
