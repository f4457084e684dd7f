"""Work that is slow and needs much memory on purpose, such as hashing a password: a few pieces at a time.

It is done beside the event loop. Each hash holds 64 MiB, so two at once are 128 MiB, however many ask; what would wait
too long is refused instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 2
WAITING_AT_MOST = 60  # about ten seconds of hashing on one core

Result = TypeVar("Result")


class TooManyWait(ValueError):
    """More wait for their turn than could be served soon."""


class FewAtOnce:
    """A pool of two threads with a short queue. A server that is started again after it was closed gets new ones."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._inside = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do a piece of work in its turn. Raises TooManyWait, and what the work raises."""
        if self._inside >= AT_ONCE + WAITING_AT_MOST:
            raise TooManyWait("Too many people are logging in at this moment. Try again in some seconds.")
        self._inside += 1
        self._pool = self._pool or ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._inside -= 1

    def close(self) -> None:
        """Begin no further work."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
