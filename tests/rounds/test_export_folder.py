"""Exports of runs: on the disk before they have their name, and the older one stays until the newer has it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from language_models.folders import file_sha256
from rounds.export_folder import ASIDE, MARK, clear_unfinished, export_folder

NAME = "policy-1"


def write(study: Path, text: str, name: str = NAME) -> Path:
    """An export of one file, and one in a folder within."""
    with export_folder(SimpleNamespace(study_folder=study, check=lambda: None), name) as folder:
        (folder / "base").mkdir()
        (folder / "base" / "config.json").write_text("{}")
        (folder / "weights").write_text(text)
    return study / "exports" / name


def holds(study: Path, text: str) -> None:
    """exports/ holds this export alone, whole."""
    folder = study / "exports" / NAME
    assert [path.name for path in folder.parent.iterdir()] == [NAME]
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, file = line.split("  ")
        assert file_sha256(folder / file) == digest
    assert (folder / "weights").read_text() == text


def test_an_export_is_on_the_disk_before_it_has_its_name_and_the_older_one_goes_after(tmp_path, monkeypatch):
    write(tmp_path, "older")
    events: list[object] = []
    rename, fsync, rmtree = os.rename, os.fsync, shutil.rmtree

    def renamed(old: Path, new: Path) -> None:
        events.append("aside" if new.name.startswith(ASIDE) else "in")
        rename(old, new)

    def flushed(handle: int) -> None:
        events.append(os.fstat(handle).st_ino)
        fsync(handle)

    def removed(path: Path, **how: bool) -> None:
        if path.exists():
            events.append("removed")
        rmtree(path, **how)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", renamed)
        patch.setattr(os, "fsync", flushed)
        patch.setattr(shutil, "rmtree", removed)
        folder = write(tmp_path, "newer")
    parts = {path.stat().st_ino for path in (folder, *folder.rglob("*"))}
    assert set(events[: len(parts)]) == parts
    assert events[len(parts) :] == ["aside", "in", folder.parent.stat().st_ino, "removed"]
    holds(tmp_path, "newer")


@pytest.mark.parametrize("place", ["aside", "in"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["disk", "stop"])
def test_an_export_that_cannot_be_renamed_leaves_the_older_one(tmp_path, monkeypatch, place, error):
    write(tmp_path, "older")
    rename = os.rename

    def failing(old: Path, new: Path) -> None:
        if new.name.startswith(ASIDE) == (place == "aside") and not old.name.startswith(ASIDE):
            raise error
        rename(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing)
        with pytest.raises(type(error)):
            write(tmp_path, "newer")
    holds(tmp_path, "older")


def test_an_older_export_that_cannot_be_deleted_hinders_nothing(tmp_path, monkeypatch):
    write(tmp_path, "older")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        write(tmp_path, "newer")
    assert (tmp_path / "exports" / f"{ASIDE}{NAME}" / "weights").read_text() == "older"
    write(tmp_path, "newest")
    holds(tmp_path, "newest")


@pytest.mark.parametrize("killed", ["before", "between", "after"])
def test_a_kill_leaves_one_of_the_two_whole(tmp_path, killed):
    """As the disk is before the older one is moved aside, before the newer one is in its place, and after that."""
    final = write(tmp_path, "older")
    exports = final.parent
    newer = write(tmp_path, "newer", name="newer").rename(exports / f".writing-{MARK}{NAME}-12345678")
    if killed != "before":
        final.rename(exports / f"{ASIDE}{NAME}")
    if killed == "after":
        newer.rename(final)
    clear_unfinished(exports)
    holds(tmp_path, "newer" if killed == "after" else "older")


def test_what_others_are_exporting_is_left_alone_and_a_study_without_exports_is_none_too_few(tmp_path):
    clear_unfinished(tmp_path / "exports")
    (tmp_path / "exports" / ".writing-pairs-1234").mkdir(parents=True)
    clear_unfinished(tmp_path / "exports")
    assert [path.name for path in (tmp_path / "exports").iterdir()] == [".writing-pairs-1234"]
