"""A study's database: one SQLite file in the study's folder, safe for many threads and processes.

What a transaction stored is on disk when it returns: WAL with synchronous=FULL, so an fsync stands before each
acknowledgement (https://www.sqlite.org/pragma.html#pragma_synchronous). WAL files are folded back by `checkpoint`,
which a server or worker calls from a thread of its own, so that no submit waits for it.
"""

import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from feedback_store import schema_version, study_folder
from feedback_store.errors import InvalidInput, StoreError, StoreFull, StoreUnavailable, StudyExists, StudyNotFound
from feedback_store.sqlite import sqlite3

FILE_NAME = "study.db"
SUB_FOLDERS = ("models", "runs", "exports", "backups")
BUSY_TIMEOUT_SECONDS = 10.0
TRUNCATE_WAL_BYTES = 64 * 1024 * 1024
LOCKED = (
    f"Another process kept the study's database locked for {BUSY_TIMEOUT_SECONDS:.0f} seconds. Nothing was stored; try "
    "again."
)
READABLE_ONLY = (
    "Check who owns the folder. One that must not be written can be looked at with `tastemaker check` and copied with "
    "`tastemaker backup`; `tastemaker restore` makes a study of a backup."
)

Row = dict[str, Any]
Parameters = Sequence[Any] | dict[str, Any]


def corrupts_wal(version: tuple[int, ...]) -> bool:
    """Tell whether this SQLite can corrupt a WAL database that two processes write (fixed in 3.51.3, 3.50.7 and
    3.44.6).

    Source: https://www.sqlite.org/wal.html, "The WAL-reset bug".
    """
    patched = (version[:2] == (3, 44) and version >= (3, 44, 6)) or (version[:2] == (3, 50) and version >= (3, 50, 7))
    return (3, 7, 0) <= version <= (3, 51, 2) and not patched


def sqlite_version() -> str:
    """Return the version of the SQLite library in use."""
    return str(sqlite3.sqlite_version)


def sqlite_warning() -> str | None:
    """Say what is wrong with the SQLite in use and what to do; None where nothing is."""
    if not corrupts_wal(sqlite3.sqlite_version_info):
        return None
    return (
        f"SQLite {sqlite3.sqlite_version} can corrupt a database that two processes write in WAL mode; this study runs "
        "in the "
        "slower DELETE mode. Install pysqlite3 to get a repaired SQLite."
    )


class Database:
    """An open study. Any thread may use it; each gets a connection of its own."""

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        """Use `create` or `open` instead."""
        self.folder = folder
        self.readonly = readonly
        self.warning: str | None = None
        self._local = threading.local()
        self._lock = threading.Lock()
        self._writers = (os.getpid(), threading.Lock())
        self._connections: list[tuple[int, threading.Thread, Any]] = []

    @classmethod
    def create(cls, folder: Path | str) -> "Database":
        """Make a study in `folder` (mode 0700, made where missing). Raises StudyExists."""
        folder = Path(folder)
        if (folder / FILE_NAME).exists():
            raise StudyExists(f"The folder {folder} already holds a study. Open it, or choose another folder.")
        if folder.exists() and not folder.is_dir():
            raise InvalidInput(f"{folder} is a file. A study needs a folder: choose another name.")
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        return cls._opened(folder, readonly=False, new=True)

    @classmethod
    def open(cls, folder: Path | str, *, readonly: bool = False) -> "Database":
        """Open the study in `folder` and bring its schema up to date.

        Raises StudyNotFound where there is none, StudyTooNew where a newer version wrote it, StoreUnavailable where it
        is locked or must not be written, StoreError where its file is damaged or was emptied: nothing is built over it.
        """
        folder = Path(folder)
        if not (folder / FILE_NAME).is_file():
            raise StudyNotFound(
                f"No study in {folder}: there is no file {FILE_NAME}. Check the path, or make a study with `tastemaker "
                "serve`, "
                "`simulate` or `import`."
            )
        return cls._opened(folder, readonly=readonly)

    @classmethod
    def _opened(cls, folder: Path, *, readonly: bool, new: bool = False) -> "Database":
        database = cls(folder, readonly=readonly)
        try:
            if new:
                (folder / FILE_NAME).touch()
            elif readonly or not _never_finished(folder):
                database.require_a_study()
            if readonly:
                schema_version.require_current(database.connection())
            else:
                database._bring_up_to_date()
        except sqlite3.DatabaseError as error:
            database.close()
            raise in_other_words(error) or StoreError(
                f"The file {folder / FILE_NAME} cannot be read as a study ({error}). Restore it from a backup; nothing "
                "was changed."
            ) from error
        except OSError as error:
            database.close()
            raise StoreUnavailable(f"The study {folder} cannot be written ({error}). {READABLE_ONLY}") from error
        except BaseException:
            database.close()
            raise
        return database

    def require_a_study(self) -> None:
        """Raise StoreError where the file holds no tables of a study: it was emptied, or is another program's."""
        path = self.folder / FILE_NAME
        # SQLite is not asked about a file of no bytes: it would delete the log that lies beside it.
        if path.stat().st_size == 0 or not schema_version.is_there(self.connection()):
            raise StoreError(
                f"The file {path} holds no study: it was emptied, or another program made it. Restore the study from a "
                "backup. If none was ever in it, move the file away and make the study anew."
            )

    def _bring_up_to_date(self) -> None:
        """Apply what is missing of the schema. The sub-folders come last: where they are, the tables are or were."""
        if schema_version.outdated(self.connection()):
            self._copy_before_migration()
        with self.transaction():
            schema_version.apply(self.connection())
        for name in SUB_FOLDERS:
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)

    def _copy_before_migration(self) -> None:
        """Keep the study as the older version left it: backups/before-STEP.db, whole or not at all."""
        kept = self.folder / "backups" / f"before-{schema_version.STEP_NAMES[-1]}.db"
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        part = kept.with_name(f"{kept.name}.{secrets.token_hex(4)}.part")
        size = (self.folder / FILE_NAME).stat().st_size
        study_folder.require_free_space(
            self.folder, 2 * size, "the copy that is kept before the study is brought up to date"
        )
        try:
            self.execute("VACUUM INTO ?", [str(part)])
            with part.open("rb") as file:
                os.fsync(file.fileno())
            if schema_version.outdated(self.connection()):  # else another process kept its copy and went ahead
                part.replace(kept)
        finally:
            part.unlink(missing_ok=True)

    def connection(self) -> Any:
        """Return this thread's connection (opened on first use, and again after a fork)."""
        held = getattr(self._local, "held", None)
        if held is None or held[0] != os.getpid():
            self._local.held = held = (os.getpid(), self._connect())
            self._local.depth = 0
        return held[1]

    def _connect(self) -> Any:
        # Never made here: where a study was taken away while it was open, an empty one would take its place.
        uri = address(self.folder / FILE_NAME, readonly=self.readonly)
        # check_same_thread is off only so that the connections of threads that ended can be closed by another.
        connection = sqlite3.connect(
            uri,
            uri=True,
            isolation_level=None,
            timeout=BUSY_TIMEOUT_SECONDS,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.row_factory = _as_dict
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(
            "PRAGMA recursive_triggers = ON"
        )  # else INSERT OR REPLACE walks past the append-only triggers
        connection.execute("PRAGMA synchronous = FULL")
        if self.readonly:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            self._set_journal_mode(connection)
        with self._lock:
            self._close_those_of_ended_threads()
            self._connections.append((os.getpid(), threading.current_thread(), connection))
        return connection

    def _close_those_of_ended_threads(self) -> None:
        """A server's threads come and go; their connections must not pile up. Those of a forking parent stay."""
        ended = [held for held in self._connections if held[0] == os.getpid() and not held[1].is_alive()]
        for _, _, connection in ended:
            connection.close()
        self._connections = [held for held in self._connections if held not in ended]

    def _set_journal_mode(self, connection: Any) -> None:
        self.warning = sqlite_warning()
        connection.execute(f"PRAGMA journal_mode = {'DELETE' if self.warning else 'WAL'}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the write lock; commit at the end, roll back on an exception.

        Inside another transaction of the same thread it joins that one: its own writes are taken back if it raises, and
        become durable when the outermost one commits. Raises StoreUnavailable if the lock is not free within
        BUSY_TIMEOUT_SECONDS.
        """
        if self.readonly:
            raise StoreUnavailable(f"The study {self.folder} was opened read-only. Open it for writing to change it.")
        connection = self.connection()
        depth = self._local.depth
        begin, commit = (
            ("BEGIN IMMEDIATE", "COMMIT") if depth == 0 else (f"SAVEPOINT level_{depth}", f"RELEASE level_{depth}")
        )
        with self._turn_to_write(depth):
            with _in_words():
                connection.execute(begin)
            self._local.depth = depth + 1
            try:
                yield
                with _in_words():
                    connection.execute(commit)
            except BaseException:
                # A full disk may have ended the transaction already.
                if connection.in_transaction:
                    if depth == 0:
                        connection.execute("ROLLBACK")
                    else:
                        connection.execute(f"ROLLBACK TO level_{depth}")
                        connection.execute(f"RELEASE level_{depth}")
                raise
            finally:
                self._local.depth = depth

    @contextmanager
    def _turn_to_write(self, depth: int) -> Iterator[None]:
        """Let the threads of a process write one after the other.

        SQLite would make them wait as well, but by looking again and again with up to 100 ms of sleep in between: under
        load the lock is free most of the time, and whoever is unlucky gives up after BUSY_TIMEOUT_SECONDS.
        """
        if depth > 0:
            yield
            return
        if self._writers[0] != os.getpid():  # a fork copied a lock that a thread of the parent may hold for ever
            self._writers = (os.getpid(), threading.Lock())
        turn = self._writers[1]
        if not turn.acquire(timeout=BUSY_TIMEOUT_SECONDS):
            raise StoreUnavailable(LOCKED)
        try:
            yield
        finally:
            turn.release()

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows of a query as dicts."""
        with _in_words():
            return list(self.connection().execute(sql, parameters).fetchall())

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row of a query as a dict, or None."""
        with _in_words():
            found: Row | None = self.connection().execute(sql, parameters).fetchone()
            return found

    def value(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the first column of the first row, or None."""
        found = self.row(sql, parameters)
        return next(iter(found.values())) if found else None

    def execute(self, sql: str, parameters: Parameters = ()) -> Any:
        """Run one statement and return its cursor (`lastrowid`, `rowcount`)."""
        with _in_words():
            return self.connection().execute(sql, parameters)

    def checkpoint(self) -> None:
        """Fold the WAL back into the database.

        Never waits for readers or writers, and shortens a WAL that grew long. Raises StoreUnavailable where the disk is
        full: what the WAL holds stays there.
        """
        wal = self.folder / f"{FILE_NAME}-wal"
        long = wal.exists() and wal.stat().st_size > TRUNCATE_WAL_BYTES
        self.rows("PRAGMA wal_checkpoint(PASSIVE)")
        if long:
            # It would wait for readers while it keeps writers out: a notebook left open must not stop submits.
            self.wait_at_most(0)
            try:
                self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self.wait_at_most(BUSY_TIMEOUT_SECONDS)

    def wait_at_most(self, seconds: float) -> None:
        """How long this thread waits from now on while another process holds the lock."""
        self.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def close(self) -> None:
        """Close the connections of all threads. The study can be used again afterwards; it opens new ones.

        A connection that another thread is using at this moment is closed when that thread lets go of it: SQLite does
        not survive a close in the middle of its work.
        """
        mine = getattr(self._local, "held", None)
        with self._lock:
            self._close_those_of_ended_threads()
            self._connections = []
        self._local = threading.local()  # the last references to connections that nobody is using
        if mine is not None and mine[0] == os.getpid():
            mine[1].close()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def address(path: Path, *, readonly: bool) -> str:
    """Return the URI by which SQLite opens a database file that is there.

    A database in WAL mode cannot even be read without files of shared memory beside it. Where the folder must not be
    written and there is no log, nobody has it open, and it is read as a file that does not change
    (https://www.sqlite.org/wal.html#read_only_databases).
    """
    mode = "mode=ro" if readonly else "mode=rw"
    if readonly and not os.access(path.parent, os.W_OK) and _rests_in_wal_mode(path):
        mode += "&immutable=1"
    return f"file:{quote(os.fsencode(path.absolute()))}?{mode}"


def _rests_in_wal_mode(path: Path) -> bool:
    """Whether a database in WAL mode has no log beside it (https://www.sqlite.org/fileformat2.html, bytes 18, 19)."""
    log = path.with_name(f"{path.name}-wal")
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\x02\x02" and not (log.exists() and log.stat().st_size)


def _never_finished(folder: Path) -> bool:
    """Whether `create` was killed here: it leaves the database's own files alone. In a study there are sub-folders."""
    return all(path.name.startswith(FILE_NAME) for path in folder.iterdir())


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn what SQLite says about locks and disks into words for people."""
    try:
        yield
    except sqlite3.OperationalError as error:
        words = in_other_words(error)
        if words is None:
            raise
        raise words from error


def in_other_words(error: Exception) -> StoreUnavailable | None:
    """What SQLite says about locks and disks, in words for people; None where it says something else."""
    said = str(error)
    if "locked" in said or "busy" in said:
        return StoreUnavailable(LOCKED)
    if "full" in said or "disk I/O" in said:
        return (StoreFull if "full" in said else StoreUnavailable)(
            f"The disk refused the write ({said}). Nothing was stored; free some space and try again."
        )
    if "readonly" in said:
        return StoreUnavailable(f"The study's database cannot be written ({said}). {READABLE_ONLY}")
    if "unable to open" in said:
        return StoreUnavailable(
            f"The study's database cannot be opened ({said}). Check that it is still there, and who may read and write "
            f"its folder. With a log beside it ({FILE_NAME}-wal) it can be read only where the folder can be written: "
            "copy the folder to such a place."
        )
    return None


def _as_dict(cursor: Any, values: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}
