"""The study's settings as an append-only history: the latest value of a name counts; who set it when stays known."""

import json
from dataclasses import dataclass
from typing import Any

from feedback_store import canonical, clock
from feedback_store.database import Database, Row


@dataclass(frozen=True)
class SettingChange:
    """One value that a name was given: a version of it, by `id`. `value` is decoded JSON; `at` is a timestamp."""

    id: int
    name: str
    value: Any
    set_by: str | None
    at: str


def get(db: Database, name: str, default: Any = None) -> Any:
    """Return the latest value of `name`, or `default` if it was never set."""
    found = db.row("SELECT value FROM study_settings WHERE name = ? ORDER BY id DESC LIMIT 1", [name])
    return json.loads(found["value"]) if found else default


def latest(db: Database, name: str) -> SettingChange | None:
    """Return the latest version of `name`, or None if it was never set."""
    row = db.row(f"SELECT {_COLUMNS} FROM study_settings WHERE name = ? ORDER BY id DESC LIMIT 1", [name])
    return _change(row) if row else None


def version(db: Database, name: str, setting_id: int) -> SettingChange | None:
    """Return a version of `name` by its id, or None where that is none."""
    row = db.row(f"SELECT {_COLUMNS} FROM study_settings WHERE id = ? AND name = ?", [setting_id, name])
    return _change(row) if row else None


def put(db: Database, name: str, value: Any, by: str | None = None, now: str | None = None) -> None:
    """Set `name`; a value equal to the latest one adds no row. Raises InvalidInput for what is no JSON."""
    canonical.require_clean(value, f"setting {name}")
    text = canonical.dumps(value)
    with db.transaction():
        latest = db.value("SELECT value FROM study_settings WHERE name = ? ORDER BY id DESC LIMIT 1", [name])
        if latest != text:
            db.execute(
                "INSERT INTO study_settings (name, value, set_by, at) VALUES (?, ?, ?, ?)",
                [name, text, by, now or clock.now()],
            )


def all(db: Database) -> dict[str, Any]:
    """Return the latest value of every name."""
    rows = db.rows(
        "SELECT name, value FROM study_settings WHERE id IN (SELECT MAX(id) FROM study_settings GROUP BY name) ORDER "
        "BY name"
    )
    return {row["name"]: json.loads(row["value"]) for row in rows}


def history(db: Database, name: str) -> list[SettingChange]:
    """Return every value that `name` had, oldest first."""
    return [
        _change(row) for row in db.rows(f"SELECT {_COLUMNS} FROM study_settings WHERE name = ? ORDER BY id", [name])
    ]


_COLUMNS = "id, name, value, set_by, at"


def _change(row: Row) -> SettingChange:
    return SettingChange(**{**row, "value": json.loads(row["value"])})
