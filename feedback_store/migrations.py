"""The numbered steps of the schema. Each is a small function, applied once and in order, in one transaction.

To add one: write `m00N_what(db)` below the last, and a statement list beside schema.py's. Never change one that was
released.
"""

from typing import Any

import sqlite_utils
from sqlite_utils.migrations import Migrations

from feedback_store.errors import StoreError, StudyTooNew
from feedback_store.schema import INITIAL

STEPS = Migrations("feedback_store")


@STEPS()
def m001_initial(db: sqlite_utils.Database) -> None:
    """All tables of the first version."""
    for statement in INITIAL:
        db.conn.execute(statement)


def apply(connection: Any) -> None:
    """Apply what is pending. Called inside a transaction: a crash leaves the old schema or the new one."""
    _require_not_newer(connection)
    if _names(connection) == _known():
        return
    factory, connection.row_factory = connection.row_factory, None  # sqlite-utils reads rows as tuples
    try:
        STEPS.apply(sqlite_utils.Database(connection))
    finally:
        connection.row_factory = factory


def require_current(connection: Any) -> None:
    """Raise where the schema is newer than this program, or older (a read-only study cannot be brought up to date)."""
    _require_not_newer(connection)
    if _names(connection) != _known():
        raise StoreError("This study was written by an older version. Open it once for writing to bring it up to date.")


def _require_not_newer(connection: Any) -> None:
    unknown = sorted(_names(connection) - _known())
    if unknown:
        raise StudyTooNew(
            f"This study was written by a newer version (it has the schema step {unknown[0]}, which is unknown here). "
            "Install the newer version to open it; nothing was changed."
        )


def _known() -> set[str]:
    return {step.name for step in STEPS._migrations}


def _names(connection: Any) -> set[str]:
    table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [STEPS.migrations_table]).fetchone()
    if table is None:
        return set()
    rows = connection.execute(
        f"SELECT name FROM {STEPS.migrations_table} WHERE migration_set = ?", [STEPS.name]
    ).fetchall()
    return {row["name"] for row in rows}
