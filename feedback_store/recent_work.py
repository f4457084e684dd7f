"""What the latest answers look like: few rows, whatever the size of the study."""

from dataclasses import dataclass
from statistics import median

from feedback_store.database import Database

LATEST = 2000


@dataclass(frozen=True)
class RecentWork:
    """Answers that count among the latest, and of those skips and ties; `seconds`: median visible seconds an answer."""

    answers: int
    skips: int
    ties: int
    seconds: float | None


def recent_work(db: Database, most: int = LATEST) -> RecentWork:
    """Return what the latest `most` answers look like; a tie is a comparison with all ranks equal."""
    rows = db.rows(
        "SELECT skipped, milliseconds, ranks IS NOT NULL"
        " AND (SELECT COUNT(DISTINCT value) FROM json_each(ranks)) = 1 AS tied"
        " FROM live_judgments WHERE id > (SELECT COALESCE(MAX(id), 0) FROM judgments) - ?",
        [most],
    )
    times = [row["milliseconds"] / 1000 for row in rows if row["milliseconds"] is not None]
    return RecentWork(
        answers=len(rows),
        skips=sum(row["skipped"] is not None for row in rows),
        ties=sum(bool(row["tied"]) for row in rows),
        seconds=median(times) if times else None,
    )
