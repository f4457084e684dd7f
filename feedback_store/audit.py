"""The audit trail: who did what to what, and when. Rows can only be added."""

import json
from dataclasses import dataclass
from typing import Any

from feedback_store import canonical, clock
from feedback_store.database import Database


@dataclass(frozen=True)
class AuditEntry:
    """One act. `actor` is a person's name or a command; `subject` what it was done to, such as "annotator 12"."""

    id: int
    at: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


def note(
    db: Database,
    *,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any] | None = None,
    now: str | None = None,
) -> None:
    """Write down an act, in the transaction of the act itself. Raises InvalidInput for a detail that is no JSON."""
    canonical.require_clean([actor, action, subject, detail or {}], "audit entry")
    with db.transaction():
        db.execute(
            "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
            [now or clock.now(), actor, action, subject, canonical.dumps(detail or {})],
        )


def listing(db: Database, *, before_id: int | None = None, limit: int = 100) -> list[AuditEntry]:
    """Return the latest entries, newest first; go back further by `before_id`."""
    rows = db.rows(
        "SELECT * FROM audit WHERE (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        {"before": before_id, "limit": limit},
    )
    return [AuditEntry(**{**row, "detail": json.loads(row["detail"])}) for row in rows]
