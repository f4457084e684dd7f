"""Zip files of folders: whatever time the disk says of a file, and the same bytes for the same files."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from ui.web.archives import zipped


def archive(path: Path) -> bytes:
    return b"".join(zipped("policy-1", [("model.safetensors", path), ("base/config.json", path)]))


@pytest.mark.parametrize("seconds", [0, -(10**9), 1_700_000_000, 2**33])
def test_a_file_of_any_time_is_packed_and_its_time_changes_nothing(tmp_path: Path, seconds: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights" * 1000)
    path.chmod(0o640)
    before = archive(path)
    os.utime(path, (seconds, seconds))
    assert archive(path) == before
    with zipfile.ZipFile(io.BytesIO(before)) as packed:
        assert packed.namelist() == ["policy-1/model.safetensors", "policy-1/base/config.json"]
        assert packed.read("policy-1/base/config.json") == b"weights" * 1000 and packed.testzip() is None
        assert packed.infolist()[0].external_attr >> 16 & 0o777 == 0o640
