"""Whether a study's schema is this program's. Light: sqlite-utils is imported only where a step has to be applied."""

from typing import Any

from feedback_store.errors import StoreError, StudyTooNew

MIGRATION_SET = "feedback_store"
STEP_NAMES = (
    "m001_initial",
    "m002_full_record",
    "m003_people",
    "m004_policies",
    "m005_tokens",
    "m006_features",
    "m007_time_at_work",
    "m008_pauses",
)


def apply(connection: Any) -> None:
    """Bring the schema up to date, inside the caller's transaction. Raises StudyTooNew."""
    if _pending(connection):
        from feedback_store import migrations

        migrations.apply(connection)


def require_current(connection: Any) -> None:
    """Raise StudyTooNew for a newer schema, StoreError for an older one (read-only it cannot be brought up to date)."""
    if _pending(connection):
        raise StoreError("This study was written by an older version. Open it once for writing to bring it up to date.")


def outdated(connection: Any) -> bool:
    """Tell whether this is a study that an older version wrote (a new, empty file is none). Raises StudyTooNew."""
    return bool(_pending(connection)) and is_there(connection)


def is_there(connection: Any) -> bool:
    """Tell whether the tables of a study are there, of whatever version: an emptied file has none."""
    return bool(_held(connection))


def guards(connection: Any) -> dict[tuple[str, str], str]:
    """Return the triggers, views and indexes that a database holds: their SQL by kind and name."""
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'view', 'index') AND sql IS NOT NULL"
        " ORDER BY type, name"
    )
    return {(row["type"], row["name"]): row["sql"] for row in rows.fetchall()}


def _pending(connection: Any) -> set[str]:
    held = _held(connection)
    unknown = sorted(held - set(STEP_NAMES))
    if unknown:
        raise StudyTooNew(
            f"This study was written by a newer version (it has the schema step {unknown[0]}, which is unknown here). "
            "Install the newer version to open it; nothing was changed."
        )
    return set(STEP_NAMES) - held


def _held(connection: Any) -> set[str]:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone() is None:
        return set()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", [MIGRATION_SET]).fetchall()
    return {row["name"] for row in rows}
