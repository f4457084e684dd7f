"""What can go wrong with the folder itself: where it lies, who may read it, and how much space is left."""

import errno
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from feedback_store.errors import StoreUnavailable

MOUNTS = Path("/proc/self/mounts")
SECRET_KEY = "secret.key"
SPARE_BYTES = 32 * 1024 * 1024

# SQLite's locks and the memory that WAL shares are not dependable there:
# https://www.sqlite.org/howtocorrupt.html (2.1) and https://www.sqlite.org/wal.html ("network filesystem").
NETWORK = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs",
        "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb2", "smb3",
        "smbfs",
    }
)  # fmt: skip
MEMORY = frozenset({"ramfs", "tmpfs"})


def warnings(folder: Path, mounts: Path = MOUNTS) -> list[str]:
    """Return what is unsafe about where a study lies and who may read it, in words; nothing where all is well.

    `mounts` lists what is mounted, as Linux has it in /proc/self/mounts; where there is no such file (other systems)
    nothing is said about the file system.
    """
    return [*_of_the_file_system(folder, mounts), *_of_the_mode(folder)]


def file_system(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """Return the type of the file system that holds `folder`, such as ext4; None where it cannot be known."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    path = folder.resolve()
    depth, found = -1, None
    for line in lines:
        fields = line.split()
        if len(fields) >= 3:
            point = Path(_unescaped(fields[1]))
            # Of two mounts on the same point the later one hides the earlier one.
            if (path == point or point in path.parents) and len(point.parts) >= depth:
                depth, found = len(point.parts), fields[2]
    return found


def require_free_space(folder: Path, size: int, what: str) -> None:
    """Raise StoreUnavailable unless `size` bytes, and a little to spare, are free where `folder` is or will be.

    `what` names what is to be written, such as "the backup". It is asked before large writes, so that a full disk is
    told before anything was written instead of half-way.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < size + SPARE_BYTES:
        raise StoreUnavailable(
            f"There is too little space for {what}: it takes {in_words(size)} and {in_words(SPARE_BYTES)} to spare, "
            f"and {in_words(free)} are free in {there}. Nothing was written; free some space or choose another disk."
        )


FULL = (errno.ENOSPC, errno.EDQUOT)


def refused(error: OSError, so: str) -> StoreUnavailable:
    """Return the error to raise where the disk refused a write; `so` says what that means, and what to do."""
    full = error.errno in FULL
    reason = "The disk is full" if full else f"The disk refused the write ({error.strerror or error})"
    return StoreUnavailable(f"{reason}. {so}")


def last_touched(*paths: Path) -> float | None:
    """Return when the latest of some files and folders was changed, in seconds since 1970; None where none is there."""
    moments = []
    for path in paths:
        with suppress(FileNotFoundError):
            moments.append(path.stat().st_mtime)
    return max(moments, default=None)


def in_words(size: int) -> str:
    """Return a number of bytes as people read it, such as 1.5 GB."""
    if size < 1000:
        return f"{size} bytes"
    value, units = size / 1000, ["kB", "MB", "GB", "TB"]
    while value >= 999.95 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.1f} {units[0]}"


def _of_the_file_system(folder: Path, mounts: Path) -> Iterator[str]:
    kind = file_system(folder, mounts)
    if kind in NETWORK:
        yield (
            f"The study {folder} lies on a network file system ({kind}), where SQLite's locks cannot be relied on: "
            "two processes may damage it. Move it to a disk of this machine, and back it up to the network."
        )
    if kind in MEMORY:
        yield (
            f"The study {folder} lies in memory ({kind}): it is gone when the machine stops. Move it to a disk, or "
            "back it up often."
        )


def _of_the_mode(folder: Path) -> Iterator[str]:
    if folder.exists() and folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"Others on this machine can look into the study {folder}. `chmod 700` closes the folder to them."
    key = folder / SECRET_KEY
    if key.exists() and key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"Others may use the file {key}, which is secret. `chmod 600` closes it to them."


def _unescaped(field: str) -> str:
    """A mount point as a path; the kernel writes blanks and the like as octal numbers (proc(5), fstab(5))."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
