"""Every error of the store.

To add one: subclass StoreError here; its message says what happened, which value, what is allowed and what to do.
All are ValueErrors, so a caller that shows ValueErrors to people shows these as well.
"""


class StoreError(ValueError):
    """Base of the store's errors; the message is meant for people."""


class StudyNotFound(StoreError):
    """The folder holds no study."""


class StudyExists(StoreError):
    """The folder holds a study already."""


class StudyTooNew(StoreError):
    """The study was written by a newer version of the program."""


class StoreUnavailable(StoreError):
    """The database is locked by another process, full, or not writable: nothing was stored."""


class StoreFull(StoreUnavailable):
    """The disk took no more: nothing was stored, and nothing will be until there is space."""


class Conflict(StoreError):
    """An idempotency key or a name was used before with other content."""


class LeaseLost(StoreError):
    """The run was leased to another worker, or ended: what the old worker writes is refused."""


class InvalidInput(StoreError):
    """A value that the store does not take."""


class UnknownFormat(StoreError):
    """No such exchange format."""


class CorruptBackup(StoreError):
    """A backup is not what its manifest says, or is none; nothing was restored from it."""
