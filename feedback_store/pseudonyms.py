"""Names that tell nothing, the same for the same person in every export of a study.

A pseudonym is HMAC-SHA256 (https://www.rfc-editor.org/rfc/rfc2104) of the name under a key that stays in the study's
folder: secret.key, made on first need, readable by its owner only. Without the key nobody can try names out. The
database keeps a mark of the key, from which it cannot be found, so that another key in its place is noticed.
"""

import hashlib
import hmac
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from feedback_store import study_settings
from feedback_store.database import Database
from feedback_store.errors import StoreUnavailable
from feedback_store.study_folder import SECRET_KEY
from feedback_store.whole_folder import sync

KEY_BYTES = 32
LENGTH = 16
MARK = "secret_key_mark"  # among the study's settings
SHAPE = re.compile(rf"person-[0-9a-f]{{{LENGTH}}}")


def secret_key(db: Database) -> bytes:
    """Return the study's key; make it where there is none. Raises StoreUnavailable where it cannot be read or made."""
    path = db.folder / SECRET_KEY
    try:
        if not path.exists():
            _make(path)
    except OSError as error:
        raise _unusable(path, error) from error
    key = held_key(db)
    if not db.readonly and study_settings.get(db, MARK) is None:
        with suppress(StoreUnavailable):  # the next who needs the key marks it
            study_settings.put(db, MARK, mark_of(key))
    return key


def held_key(db: Database) -> bytes:
    """Return the study's key, which has to be there. Raises StoreUnavailable where it cannot be read."""
    path = db.folder / SECRET_KEY
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    if len(key) != KEY_BYTES:
        raise StoreUnavailable(f"The key of the pseudonyms, {path}, is damaged. Bring it back from a backup.")
    return key


def mark_of(key: bytes) -> str:
    """Return what tells a key from another, and tells nothing of the key."""
    return hmac.new(key, b"mark of the key", hashlib.sha256).hexdigest()


def of(key: bytes, name: str) -> str:
    """Return the pseudonym of a name, such as person-0f3a5c7e9b1d2f48."""
    return f"person-{hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:LENGTH]}"


def _unusable(path: Path, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"The key of the pseudonyms, {path}, cannot be read or made ({error}). Check who owns the study's folder; a "
        "damaged key comes back with a backup."
    )


def _make(path: Path) -> None:
    """Write a new key whole, unless another process was first."""
    temporary = path.with_name(f".{SECRET_KEY}-{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink()
