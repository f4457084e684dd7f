"""Where a study lies, who may read it, and whether there is space."""

from pathlib import Path

import pytest

from feedback_store import study_folder
from feedback_store.database import Database
from feedback_store.errors import StoreUnavailable

MOUNTS = """\
/dev/vda / ext4 rw 0 0
tmpfs {folder} tmpfs rw 0 0
server:/share {folder}/far nfs4 rw 0 0
server:/share {folder}/two\\040words cifs rw 0 0
tmpfs {folder}/covered tmpfs rw 0 0
/dev/vdb {folder}/covered ext4 rw 0 0
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    (file := tmp_path / "mounts").write_text(MOUNTS.format(folder=tmp_path.resolve()))
    return file


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("far", "nfs4"), ("far/deep/study", "nfs4"), ("far-away", "tmpfs"), ("two words/study", "cifs"),
        ("covered/study", "ext4"), ("..", "ext4"),
    ],
)  # fmt: skip
def test_the_innermost_mount_that_is_not_hidden_holds_a_folder(
    tmp_path: Path, mounts: Path, name: str, kind: str
) -> None:
    assert study_folder.file_system(tmp_path / name, mounts) == kind


def test_where_nothing_lists_the_mounts_nothing_is_said(db: Database, tmp_path: Path) -> None:
    assert study_folder.file_system(db.folder, tmp_path / "nothing") is None
    assert study_folder.warnings(db.folder, tmp_path / "nothing") == []


def test_a_study_on_the_network_or_in_memory_is_warned_of(tmp_path: Path, mounts: Path) -> None:
    (far,) = study_folder.warnings(tmp_path / "far", mounts)
    assert "network file system (nfs4)" in far
    assert "Move it to a disk" in far
    (fleeting,) = study_folder.warnings(tmp_path / "study", mounts)
    assert "lies in memory (tmpfs)" in fleeting


def test_a_study_that_others_can_read_is_warned_of(db: Database, tmp_path: Path) -> None:
    (key := db.folder / study_folder.SECRET_KEY).write_text("secret")
    for folder_mode, key_mode, words in (
        (0o700, 0o600, []), (0o750, 0o600, ["chmod 700"]), (0o705, 0o644, ["chmod 700", "chmod 600"]),
    ):  # fmt: skip
        db.folder.chmod(folder_mode)
        key.chmod(key_mode)
        said = study_folder.warnings(db.folder, tmp_path / "nothing")
        assert len(said) == len(words)
        assert all(word in one for word, one in zip(words, said, strict=True))


def test_too_little_space_is_told_before_anything_is_written(tmp_path: Path) -> None:
    study_folder.require_free_space(tmp_path / "not" / "there" / "yet", 1, "a little")
    with pytest.raises(StoreUnavailable, match=r"too little space for the backup: it takes 1000000\.0 TB .*written"):
        study_folder.require_free_space(tmp_path, 10**18, "the backup")


def test_numbers_of_bytes_are_said_as_people_read_them() -> None:
    numbers = (0, 999, 1500, 999_960, 2_000_000, 3 * 10**9, 10**18)
    assert [study_folder.in_words(number) for number in numbers] == [
        "0 bytes", "999 bytes", "1.5 kB", "1.0 MB", "2.0 MB", "3.0 GB", "1000000.0 TB",
    ]  # fmt: skip
