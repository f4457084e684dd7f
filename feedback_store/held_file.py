"""A lock that dies with the process that holds it: flock on a file of the study's folder.

flock has no question "is it held?", only trying. Whoever tries, to hold it or to look, first waits for the turn of the
folder that the file lies in: so a look is never taken for a holder.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feedback_store.errors import Conflict


@contextmanager
def held(path: Path, words: str) -> Iterator[None]:
    """Hold a lock. Raises Conflict with `words` where another holds it."""
    descriptor = hold(path, words)
    try:
        yield
    finally:
        # Not only closed: a child that another thread starts at this moment has it too, until it becomes its program.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def hold(path: Path, words: str) -> int:
    """Hold a lock for as long as the descriptor that is returned is open, here or in a child that inherited it.

    Raises Conflict with `words` where another holds it.
    """
    with turn(path.parent):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Conflict(words) from None
    return descriptor


def is_held(path: Path) -> bool:
    """Tell whether a process holds a lock."""
    try:
        with turn(path.parent):
            descriptor = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            except BlockingIOError:
                return True
            finally:
                os.close(descriptor)
    except FileNotFoundError:
        return False  # nobody ever held it
    return False


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Wait until nobody else has the turn of a folder, and have it. For moments only; not twice in one thread."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
