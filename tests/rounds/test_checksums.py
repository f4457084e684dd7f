"""SHA256SUMS as `sha256sum --check` reads it, whoever wrote it."""

import subprocess
from pathlib import Path

import pytest

from rounds import checksums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    (tmp_path / "weights").write_bytes(bytes(range(256)))
    checksums.write(tmp_path)
    return tmp_path


def test_what_is_written_is_what_sha256sum_takes(folder: Path) -> None:
    assert checksums.changed(folder) == []
    checked = subprocess.run(["sha256sum", "--check", checksums.FILE], cwd=folder, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout.count("OK")) == (0, 2)


@pytest.mark.parametrize(
    "written", ["{digest}  {name}", "{digest} *{name}", "{capitals}  {name}", "{digest}  ./{name}"]
)
def test_every_way_of_writing_a_line_is_compared(folder: Path, written: str) -> None:
    lines = (folder / checksums.FILE).read_text().splitlines()
    parts = [(line[:64], line[66:]) for line in lines]
    made = [written.format(digest=digest, capitals=digest.upper(), name=name) for digest, name in parts]
    (folder / checksums.FILE).write_text("\n".join(made) + "\n")
    assert checksums.changed(folder) == []
    (folder / "weights").write_text("other")
    assert checksums.changed(folder) == ["weights is not as it was written"]
    assert checksums.changed(folder, among=["base/config.json"]) == []
    (folder / "weights").unlink()
    assert checksums.changed(folder) == ["weights is missing"]


def test_a_folder_without_checksums_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        checksums.changed(tmp_path)
