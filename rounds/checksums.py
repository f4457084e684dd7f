"""SHA256SUMS of a folder, as `sha256sum --check` reads it: written, and compared with what lies there."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from language_models.folders import file_sha256

FILE = "SHA256SUMS"
DIGITS = 64  # of a sha256


def write(folder: Path) -> None:
    """The sha256 of every file of a folder, in the order of their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{file_sha256(path)}  {path.relative_to(folder)}" for path in files]
    (folder / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def changed(folder: Path, among: Container[str] | None = None) -> list[str]:
    """What is not as it was written, in words; `among` these names where they are given. Raises FileNotFoundError where
    the folder has no checksums.
    """
    lines = (folder / FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    # "DIGEST  NAME" of texts, "DIGEST *NAME" of binary files; some write ./NAME, some capitals.
    said = {line[DIGITS + 2 :].removeprefix("./"): line[:DIGITS].lower() for line in lines if len(line) > DIGITS + 2}
    return [
        f"{name} is not as it was written" if (folder / name).is_file() else f"{name} is missing"
        for name, digest in said.items()
        if among is None or name in among
        if not (folder / name).is_file() or file_sha256(folder / name) != digest
    ]
