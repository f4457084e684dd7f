"""What the seventh version of the schema adds: when a run's attempt began, and how long the attempts before it took.

Between two attempts nobody may be at work for hours (the server was down). Runs of before are taken as one attempt.
"""

STATEMENTS: list[str] = [
    "ALTER TABLE runs ADD COLUMN attempt_started_at TEXT",
    "ALTER TABLE runs ADD COLUMN earlier_seconds REAL NOT NULL DEFAULT 0 CHECK (earlier_seconds >= 0)",
    "UPDATE runs SET attempt_started_at = started_at WHERE status <> 'queued'",
]
