"""Folders that appear whole or not at all, and copies whose bytes are known."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from feedback_store.errors import InvalidInput

BLOCK_BYTES = 1024 * 1024


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Yield a private temporary folder beside `target` to fill; on leaving it is flushed to disk and takes its name.

    Whatever goes wrong before that leaves nothing behind (kill -9 leaves a folder `.writing-NAME-...`, which can be
    deleted). Raises InvalidInput where `target` exists and is not an empty folder.
    """
    require_empty(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".writing-{target.name}-{secrets.token_hex(4)}"
    temporary.mkdir(mode=0o700)
    try:
        yield temporary
        for path in [*temporary.rglob("*"), temporary]:
            sync(path)
        temporary.rename(target)
        sync(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def require_empty(target: Path) -> None:
    """Raise InvalidInput unless nothing, or an empty folder, is at `target`."""
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise InvalidInput(f"{target} exists already and is not an empty folder. Name a new folder, or empty this one.")


def copy(source: Path, target: Path, on_bytes: Callable[[int], None] = lambda count: None) -> str:
    """Copy a file (its folder is made where missing) and return the sha256 of the bytes that were written.

    `on_bytes` is told how many bytes each block had.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with source.open("rb") as original, target.open("xb") as written:
        return _pass_on(original.read, written.write, on_bytes)


def sha256(path: Path, on_bytes: Callable[[int], None] = lambda count: None) -> str:
    """Return the sha256 of a file; `on_bytes` is told how many bytes each block had."""
    with path.open("rb") as file:
        return _pass_on(file.read, len, on_bytes)


def sync(path: Path) -> None:
    """Flush a file, or a folder's list of names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pass_on(read: Callable[[int], bytes], write: Callable[[bytes], int], on_bytes: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    while block := read(BLOCK_BYTES):
        write(block)
        digest.update(block)
        on_bytes(len(block))
    return digest.hexdigest()
