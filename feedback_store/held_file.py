"""A lock that dies with the process that holds it: flock on a file of the study's folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feedback_store.errors import Conflict


@contextmanager
def held(path: Path, words: str) -> Iterator[int]:
    """Hold a lock; gives its descriptor, which a child may inherit and hold on to. Raises Conflict with `words`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(words) from None
        yield descriptor
    finally:
        os.close(descriptor)  # not unlocked: a child that inherited it goes on holding it


def is_held(path: Path) -> bool:
    """Tell whether a process holds a lock."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two that look at once do not see each other.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
