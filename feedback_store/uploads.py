"""Files on their way into a study: they come in pieces, in order, and lie in uploads/ID/ until they are imported.

A piece says at which byte it begins: one that was lost or came twice is told from one that is next, so that a sender
whose connection broke goes on where the file ends. What was abandoned is cleared away after KEPT_SECONDS.
"""

import hashlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from feedback_store import canonical, clock, held_file
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput
from feedback_store.study_folder import in_words, last_touched, refused, require_free_space

FOLDER = "uploads"
MOST_BYTES = 2 * 1024**3
MOST_BYTES_TOGETHER = 4 * 1024**3
MOST_AT_ONCE = 10
KEPT_SECONDS = 2 * 24 * 3600.0
LONGEST_NAME_BYTES = 150
ID = re.compile(r"[0-9a-f]{16}")
NOT_STORED = "This piece was not stored; free some space and go on."


@dataclass(frozen=True)
class Upload:
    """A file that is coming or has come: `size` bytes are wanted, `received` are here. `by` is an annotator's id."""

    id: str
    name: str
    size: int
    by: int
    created_at: str
    received: int
    folder: Path

    @property
    def whole(self) -> bool:
        """Whether all of it is here."""
        return self.received == self.size

    @property
    def path(self) -> Path:
        """The file; its name is the one that it came with."""
        return self.folder / "content" / self.name


def begin(db: Database, name: str, size: int, *, by: int, now: str | None = None) -> Upload:
    """Make place for a file. Raises InvalidInput, Conflict where too much waits, StoreUnavailable for a full disk."""
    name = _safe(name)
    if not 1 <= size <= MOST_BYTES:
        raise InvalidInput(
            f"The file {name} has {in_words(size)}; it may have at most {in_words(MOST_BYTES)}. Import larger ones on "
            "the server, with `tastemaker import`."
        )
    (db.folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
    with held_file.turn(db.folder / FOLDER):  # so that two that begin at once are both counted
        tidy(db)
        _require_place(listing(db), size)
        return _made(db, name, size, by, now or clock.now())


def add(db: Database, upload_id: str, at: int, piece: bytes) -> Upload:
    """Put the next piece behind what is here. Raises Conflict where it is not the next one, and as `begin` does."""
    upload = get(db, upload_id)
    with held_file.held(upload.folder / "lock", "Another piece of this file is being written. Send this one again."):
        here = upload.path.stat().st_size
        if at != here:
            raise Conflict(f"The file goes on at byte {here}; this piece begins at byte {at}.")
        if here + len(piece) > upload.size:
            raise InvalidInput(f"The file has more bytes than the {upload.size} that were announced. Send it anew.")
        try:
            with upload.path.open("ab") as file:
                file.write(piece)
        except OSError as error:
            with upload.path.open("r+b") as file:
                file.truncate(here)
            raise refused(error, NOT_STORED) from error
    return get(db, upload_id)


def require_whole(db: Database, upload_id: str, sha256: str | None = None) -> Upload:
    """Return an upload of which everything is here. Raises InvalidInput where something is missing, or it is not what
    `sha256` says.
    """
    upload = get(db, upload_id)
    if not upload.whole:
        raise InvalidInput(
            f"Of the file {upload.name} {in_words(upload.received)} of {in_words(upload.size)} are here. Send the rest."
        )
    if sha256 is not None:
        with upload.path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256.lower():
            raise InvalidInput(f"The file {upload.name} was damaged on its way: its sha256 is {found}. Send it anew.")
    return upload


def get(db: Database, upload_id: str) -> Upload:
    """Return an upload. Raises InvalidInput where there is none."""
    found = _read(db.folder / FOLDER / upload_id) if ID.fullmatch(upload_id) else None
    if found is None:
        raise InvalidInput(
            f"There is no uploaded file {upload_id[:40]!r}. It may have been cleared away; send it again."
        )
    return found


def listing(db: Database) -> list[Upload]:
    """Return the files that wait, the newest first."""
    return sorted(_all(db), key=lambda one: one.created_at, reverse=True)


def remove(db: Database, upload_id: str) -> None:
    """Clear a file away. Raises InvalidInput where there is none."""
    shutil.rmtree(get(db, upload_id).folder, ignore_errors=True)


def tidy(db: Database) -> None:
    """Clear away what nobody has touched for KEPT_SECONDS."""
    for folder in (db.folder / FOLDER).glob("*"):
        upload = _read(folder)
        latest = last_touched(folder, folder / "content", *([upload.path] if upload else []))
        if latest is not None and time.time() - latest > KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _require_place(waiting: list[Upload], size: int) -> None:
    if len(waiting) >= MOST_AT_ONCE:
        raise Conflict(f"{len(waiting)} files wait to be imported, and more cannot. Import or remove some of them.")
    together = sum(one.size for one in waiting)
    if together + size > MOST_BYTES_TOGETHER:
        raise Conflict(
            f"The files that wait have {in_words(together)}; together with this one it would be more than "
            f"{in_words(MOST_BYTES_TOGETHER)}. Import or remove some of them."
        )


def _made(db: Database, name: str, size: int, by: int, moment: str) -> Upload:
    upload_id = secrets.token_hex(8)
    folder = db.folder / FOLDER / upload_id
    require_free_space(db.folder, size, f"the file {name}")
    made = Upload(upload_id, name, size, by, moment, 0, folder)
    try:
        (folder / "content").mkdir(parents=True, mode=0o700)
        made.path.touch(mode=0o600)
        about = {key: value for key, value in asdict(made).items() if key not in ("folder", "received")}
        (folder / "upload.json").write_text(json.dumps(about), encoding="utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise refused(error, NOT_STORED) from error
    return made


def _all(db: Database) -> Iterator[Upload]:
    for folder in (db.folder / FOLDER).glob("*"):
        found = _read(folder)
        if found is not None:
            yield found


def _read(folder: Path) -> Upload | None:
    try:
        said = json.loads((folder / "upload.json").read_text(encoding="utf-8"))
        there = (folder / "content" / said["name"]).stat().st_size
        return Upload(**said, received=there, folder=folder)
    except (OSError, ValueError, TypeError, KeyError):
        return None  # being made or cleared away at this moment


def _safe(name: str) -> str:
    """The last part of a name, without what file systems do not take."""
    canonical.require_clean(name, "file name")
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(sign for sign in last if sign.isprintable())
    while len(kept.encode()) > LONGEST_NAME_BYTES:
        kept = kept[1:]  # the end says what kind of file it is
    kept = kept.strip().lstrip(". ")
    if not kept:
        raise InvalidInput(f"The file name is {name[:80]!r}; it has to have letters or digits.")
    return kept
