"""What the third version of the schema adds: accounts and invitations, texts that people agree to, what was asked."""

from feedback_store.schema import append_only, statements
from feedback_store.schema_full_record import kept_by_erasure

_NEW_COLUMNS = """
ALTER TABLE annotators ADD COLUMN paused_why TEXT CHECK (paused_why IN ('checks', 'withdrawn'));
ALTER TABLE assignments ADD COLUMN asked_id INTEGER REFERENCES study_settings (id);
ALTER TABLE flags ADD COLUMN key TEXT;
ALTER TABLE comparisons ADD COLUMN held_back INTEGER NOT NULL DEFAULT 0 CHECK (held_back IN (0, 1));
ALTER TABLE judgments ADD COLUMN signals TEXT CHECK (signals IS NULL OR json_valid(signals));
"""

_TABLES = """
CREATE TABLE accounts (
    annotator_id INTEGER PRIMARY KEY REFERENCES annotators (id),
    role TEXT NOT NULL CHECK (role IN ('annotator', 'lead', 'researcher', 'admin')),
    password_hash TEXT,
    created_at TEXT NOT NULL,
    password_changed_at TEXT,
    disabled_at TEXT
) STRICT;

CREATE TABLE invitations (
    id INTEGER PRIMARY KEY,
    token_sha256 TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('annotator', 'lead', 'researcher', 'admin')),
    name TEXT,
    languages TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(languages)),
    tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
    daily_quota INTEGER CHECK (daily_quota >= 0),
    made_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at TEXT,
    used_by INTEGER REFERENCES annotators (id),
    revoked_at TEXT,
    CHECK ((used_at IS NULL) = (used_by IS NULL))
) STRICT;

CREATE TABLE throttles (
    subject TEXT PRIMARY KEY CHECK (subject <> ''),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    last_at TEXT NOT NULL,
    blocked_until TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE information_texts (
    id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version >= 1),
    language TEXT NOT NULL DEFAULT 'en',
    text TEXT NOT NULL,
    set_by TEXT,
    created_at TEXT NOT NULL,
    UNIQUE (version, language)
) STRICT;
"""

_INDEXES = """
CREATE INDEX comparisons_held_back ON comparisons (round_id) WHERE held_back = 1;
CREATE INDEX throttles_by_time ON throttles (last_at);
CREATE UNIQUE INDEX flags_by_key ON flags (annotator_id, key) WHERE key IS NOT NULL;
CREATE INDEX flags_open ON flags (id) WHERE resolved_at IS NULL;
"""

# A reason in one's own words becomes "other"; criteria keep their numbers.
_ERASED_WORDS = {
    "skipped": "(NEW.skipped IS OLD.skipped OR (OLD.skipped <> 'undone' AND NEW.skipped = 'other'))",
    "criteria": "(NEW.criteria IS OLD.criteria OR NEW.criteria IS NULL"
    " OR NOT EXISTS (SELECT 1 FROM json_tree(NEW.criteria) WHERE type = 'text'))",
}

STATEMENTS: list[str] = [
    *statements(_NEW_COLUMNS, ";\n"),
    *statements(_TABLES, ";\n\n"),
    *statements(_INDEXES, ";\n"),
    "DROP TRIGGER judgments_no_update",
    kept_by_erasure("signals", changed=_ERASED_WORDS),
    *append_only("information_texts"),
]
