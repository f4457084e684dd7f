"""Content-checked folders: written under a temporary name, hashed, flushed to disk, then renamed into place.

A reader therefore sees a whole folder or none, and a flipped bit is found by `verify`.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from language_models.errors import CorruptFolder
from language_models.pause_points import pause_point

MANIFEST = "manifest.json"


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def flush_folder(folder: Path) -> None:
    """Everything in it is on the disk afterwards: files, then folders from the deepest up, then the folder itself."""
    found = sorted(folder.rglob("*"), reverse=True)
    files, within = [path for path in found if path.is_file()], [path for path in found if path.is_dir()]
    for path in [*files, *within, folder]:
        _flush(path)


@contextmanager
def write_folder(final: Path) -> Iterator[Path]:
    """Yields a temporary folder to fill; on leaving it is given a manifest, flushed, and renamed to `final`.

    Raises FileExistsError where `final` exists already: a published folder is never changed. On an error inside the
    block nothing is left behind.
    """
    if final.exists():
        raise FileExistsError(f"{final.name} exists already; published folders are never overwritten")
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.parent / f".writing-{final.name}-{uuid.uuid4().hex[:8]}"
    temporary.mkdir()
    try:
        yield temporary
        manifest = {str(path.relative_to(temporary)): file_sha256(path) for path in _files(temporary)}
        pause_point("inside-checkpoint-write")
        (temporary / MANIFEST).write_text(json.dumps({"sha256": manifest}, indent=1, sort_keys=True))
        pause_point("manifest-written")
        flush_folder(temporary)
        pause_point("folder-flushed")
        os.rename(temporary, final)
        pause_point("folder-renamed")
        _flush(final.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def newest_whole(parent: Path, names: str) -> Path | None:
    """Of the folders named like `names` the last by name whose files are as they were written, or None. Reads all of
    it; one that the disk does not give any more is passed over."""
    for path in sorted(parent.glob(names), reverse=True):
        try:
            verify(path)
        except (CorruptFolder, OSError):
            continue
        return path
    return None


def copy_folder(source: Path, final: Path) -> None:
    """Copies a checked folder, flushed and renamed into place as `write_folder` does. Raises CorruptFolder where the
    copy is not what the source's manifest says.
    """
    with write_folder(final) as temporary:
        for path in _files(source):
            target = temporary / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    if manifest_sha256(final) != manifest_sha256(source):
        shutil.rmtree(final)
        raise CorruptFolder(f"The copy of {source.name} differs from it; the disk may be failing")


def replace_folder(new: Path, final: Path, aside: Path) -> None:
    """Flushes a folder and puts it in the place of an older one, if there is any; that is called `aside` in between.

    Whenever this ends early, one of the two is whole: the older one has its name back, or `put_back` gives it back
    after a kill.
    """
    flush_folder(new)
    try:
        if final.exists():
            shutil.rmtree(aside, ignore_errors=True)
            os.rename(final, aside)
        os.rename(new, final)
    except BaseException:
        put_back(aside, final)
        raise
    _flush(final.parent)
    shutil.rmtree(aside, ignore_errors=True)


def put_back(aside: Path, final: Path) -> None:
    """Gives a folder that was moved aside its name back, unless a newer one has it."""
    if aside.exists() and not final.exists():
        os.rename(aside, final)


def remove_unfinished(parent: Path, mark: str = "") -> None:
    """Deletes what writers that were killed left behind: all, or that of the writer whose names begin with `mark`. Only
    that one writer may call this."""
    for leftover in parent.glob(f".writing-{mark}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def manifest_sha256(folder: Path) -> str:
    """The sha256 of the folder's manifest, which names the sha256 of every file in it."""
    path = folder / MANIFEST
    if not path.is_file():
        raise CorruptFolder(f"{folder.name} has no {MANIFEST}: it was never finished, or the file was removed")
    return file_sha256(path)


def verify(folder: Path) -> str:
    """Checks every file against the manifest and returns the manifest's sha256. Raises CorruptFolder naming the
    file."""
    identity = manifest_sha256(folder)
    try:
        expected: dict[str, str] = json.loads((folder / MANIFEST).read_text())["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptFolder(f"{folder.name}/{MANIFEST} cannot be read: {error}") from error
    found = {str(path.relative_to(folder)) for path in _files(folder)}
    for name in sorted(set(expected) | found):
        if name not in found:
            raise CorruptFolder(f"{folder.name}/{name} is missing; restore it from a backup")
        if name not in expected:
            raise CorruptFolder(f"{folder.name}/{name} is not in the manifest; remove it")
        if file_sha256(folder / name) != expected[name]:
            raise CorruptFolder(f"{folder.name}/{name} differs from its sha256; restore it from a backup")
    return identity
