"""What the second version of the schema adds to schema.py: the complete record of a study.

People with languages, tags and qualifications, guidelines, criteria, consents, sessions, flags, who is left out, what
was erased, an audit trail, runs that wait for others, and the counts that pages show without counting rows.
"""

from feedback_store.schema import append_only, statements

_NEW_COLUMNS = """
ALTER TABLE annotators ADD COLUMN languages TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(languages));
ALTER TABLE annotators ADD COLUMN tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags));
ALTER TABLE annotators ADD COLUMN daily_quota INTEGER CHECK (daily_quota >= 0);
ALTER TABLE annotators ADD COLUMN paused_at TEXT;
ALTER TABLE annotators ADD COLUMN erased_at TEXT;
ALTER TABLE comparisons ADD COLUMN split TEXT CHECK (split IN ('train', 'holdout'));
ALTER TABLE comparisons ADD COLUMN language TEXT;
ALTER TABLE comparisons ADD COLUMN decided INTEGER NOT NULL DEFAULT 0 CHECK (decided >= 0);
ALTER TABLE comparisons ADD COLUMN qualification TEXT CHECK (qualification <> '');
ALTER TABLE comparisons ADD COLUMN repeats_id INTEGER REFERENCES comparisons (id);
ALTER TABLE comparisons ADD COLUMN reserved_for INTEGER REFERENCES annotators (id);
ALTER TABLE runs ADD COLUMN retries_id INTEGER REFERENCES runs (id);
ALTER TABLE judgments ADD COLUMN guideline_id INTEGER REFERENCES guidelines (id);
ALTER TABLE judgments ADD COLUMN asked_id INTEGER REFERENCES study_settings (id);
ALTER TABLE judgments ADD COLUMN marks TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(marks));
"""

_TABLES = """
CREATE TABLE guidelines (
    id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version >= 1),
    language TEXT NOT NULL DEFAULT 'en',
    text TEXT NOT NULL,
    set_by TEXT,
    created_at TEXT NOT NULL,
    UNIQUE (version, language)
) STRICT;

CREATE TABLE criteria (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    question TEXT NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    retired_at TEXT
) STRICT;

CREATE TABLE qualifications (
    id INTEGER PRIMARY KEY,
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    name TEXT NOT NULL CHECK (name <> ''),
    score REAL CHECK (score >= 0 AND score <= 1),
    granted_at TEXT NOT NULL,
    ended_at TEXT
) STRICT;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    token_sha256 TEXT NOT NULL UNIQUE,
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    created_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    revoked_at TEXT,
    address TEXT
) STRICT;

CREATE TABLE consents (
    id INTEGER PRIMARY KEY,
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    text_version INTEGER NOT NULL CHECK (text_version >= 1),
    given_at TEXT NOT NULL,
    withdrawn_at TEXT
) STRICT;

CREATE TABLE flags (
    id INTEGER PRIMARY KEY,
    comparison_id INTEGER NOT NULL REFERENCES comparisons (id),
    completion_id INTEGER REFERENCES completions (id),
    annotator_id INTEGER REFERENCES annotators (id),
    note TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL,
    resolved_at TEXT,
    resolved_by TEXT
) STRICT;

CREATE TABLE exclusions (
    id INTEGER PRIMARY KEY,
    annotator_id INTEGER REFERENCES annotators (id),
    import_id INTEGER REFERENCES imports (id),
    reason TEXT NOT NULL,
    by TEXT,
    at TEXT NOT NULL,
    ended_at TEXT,
    CHECK ((annotator_id IS NULL) <> (import_id IS NULL))
) STRICT;

CREATE TABLE erasures (
    id INTEGER PRIMARY KEY,
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    by TEXT,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    done_at TEXT,
    counts TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(counts))
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action <> ''),
    subject TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(detail))
) STRICT;

CREATE TABLE run_dependencies (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    needs_run_id INTEGER NOT NULL REFERENCES runs (id),
    PRIMARY KEY (run_id, needs_run_id),
    CHECK (needs_run_id < run_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE tallies (
    round_id INTEGER NOT NULL,
    split TEXT NOT NULL,
    purpose TEXT NOT NULL,
    comparisons INTEGER NOT NULL DEFAULT 0,
    judged INTEGER NOT NULL DEFAULT 0,
    answers INTEGER NOT NULL DEFAULT 0,
    decided INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (round_id, split, purpose)
) STRICT, WITHOUT ROWID;

CREATE TABLE work_days (
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    day TEXT NOT NULL,
    answers INTEGER NOT NULL CHECK (answers >= 0),
    PRIMARY KEY (annotator_id, day)
) STRICT, WITHOUT ROWID;
"""

_COPIES = """
UPDATE comparisons SET
    split = (SELECT split FROM prompts WHERE prompts.id = comparisons.prompt_id),
    language = (SELECT language FROM prompts WHERE prompts.id = comparisons.prompt_id),
    decided = (SELECT COUNT(*) FROM live_judgments j WHERE j.comparison_id = comparisons.id AND j.skipped IS NULL);
INSERT INTO tallies
    SELECT COALESCE(round_id, 0), split, purpose, COUNT(*), SUM(answers >= overlap), SUM(answers), SUM(decided)
    FROM comparisons WHERE withdrawn = 0 GROUP BY 1, 2, 3;
INSERT INTO work_days
    SELECT annotator_id, substr(created_at, 1, 10), COUNT(*) FROM judgments j
    WHERE import_id IS NULL AND skipped IS NOT 'undone'
    AND NOT EXISTS (SELECT 1 FROM judgments n WHERE n.supersedes_id = j.id AND n.import_id IS NULL) GROUP BY 1, 2;
"""

# An index of what can be asked in the ordinary stream: check questions and repeats come by their shares.
ASKABLE = "answers < overlap AND withdrawn = 0 AND purpose <> 'check' AND purpose <> 'repeat'"

_INDEXES = f"""
DROP INDEX comparisons_askable;
CREATE INDEX comparisons_askable ON comparisons (priority DESC, id) WHERE {ASKABLE};
CREATE INDEX comparisons_askable_in_language ON comparisons (language, priority DESC, id) WHERE {ASKABLE};
CREATE INDEX comparisons_checks ON comparisons (id) WHERE purpose = 'check' AND withdrawn = 0;
CREATE INDEX comparisons_reserved ON comparisons (reserved_for, id) WHERE reserved_for IS NOT NULL;
CREATE INDEX comparisons_repeating ON comparisons (repeats_id) WHERE repeats_id IS NOT NULL;
CREATE INDEX assignments_open_by_expiry ON assignments (expires_at) WHERE ended_at IS NULL;
CREATE INDEX judgments_by_person ON judgments (annotator_id, id);
CREATE INDEX judgments_by_person_and_time ON judgments (annotator_id, created_at);
CREATE UNIQUE INDEX qualifications_held ON qualifications (annotator_id, name) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_annotator ON sessions (annotator_id);
CREATE UNIQUE INDEX consents_in_force ON consents (annotator_id, text_version) WHERE withdrawn_at IS NULL;
CREATE INDEX flags_by_comparison ON flags (comparison_id);
CREATE UNIQUE INDEX exclusions_of_person ON exclusions (annotator_id)
    WHERE ended_at IS NULL AND annotator_id IS NOT NULL;
CREATE UNIQUE INDEX exclusions_of_import ON exclusions (import_id) WHERE ended_at IS NULL AND import_id IS NOT NULL;
CREATE INDEX erasures_by_annotator ON erasures (annotator_id);
CREATE UNIQUE INDEX runs_by_retried ON runs (retries_id) WHERE retries_id IS NOT NULL;
CREATE INDEX run_dependencies_by_need ON run_dependencies (needs_run_id);
"""

# What trains and what derived exports show: judgments that count, of people and imports that are not left out.
_COUNTED_JUDGMENTS = """
CREATE VIEW counted_judgments AS
SELECT j.* FROM live_judgments j
WHERE NOT EXISTS (SELECT 1 FROM exclusions e WHERE e.annotator_id = j.annotator_id AND e.ended_at IS NULL)
  AND (j.import_id IS NULL
    OR NOT EXISTS (SELECT 1 FROM exclusions e WHERE e.import_id = j.import_id AND e.ended_at IS NULL))
"""

# The one change that a judgment may see: an erasure of its author that is under way blanks what the person wrote.
_KEPT_BY_ERASURE = (
    "id", "comparison_id", "annotator_id", "key", "shown", "ranks", "both_bad", "skipped", "strength", "criteria",
    "milliseconds", "input_device", "view", "at", "late", "supersedes_id", "import_id", "created_at", "guideline_id",
    "asked_id", "content_sha256",
)  # fmt: skip


def kept_by_erasure(*more: str, changed: dict[str, str] | None = None) -> str:
    """The trigger that lets nothing but an erasure change a judgment. `more` are columns that later versions added;
    `changed` says of columns how an erasure may change them.
    """
    kept = {name: f"NEW.{name} IS OLD.{name}" for name in (*_KEPT_BY_ERASURE, *more)}
    return f"""
CREATE TRIGGER judgments_no_update BEFORE UPDATE ON judgments WHEN NOT (
    EXISTS (SELECT 1 FROM erasures e WHERE e.annotator_id = OLD.annotator_id AND e.done_at IS NULL)
    AND NEW.rationale IS NULL AND NEW.improved IS NULL AND NEW.extra = '{{}}' AND NEW.marks = '[]'
    AND {" AND ".join((kept | (changed or {})).values())}
) BEGIN SELECT RAISE(ABORT, 'judgments can only be added to'); END
""".strip()


def _tally(row: str, sign: str) -> str:
    """The statement that adds a comparison to its tally or takes it out."""
    return (
        "INSERT INTO tallies (round_id, split, purpose, comparisons, judged, answers, decided)"
        f" SELECT COALESCE({row}.round_id, 0), {row}.split, {row}.purpose, {sign}1,"
        f" {sign}({row}.answers >= {row}.overlap), {sign}{row}.answers, {sign}{row}.decided"
        f" WHERE {row}.withdrawn = 0"
        " ON CONFLICT (round_id, split, purpose) DO UPDATE SET comparisons = comparisons + excluded.comparisons,"
        " judged = judged + excluded.judged, answers = answers + excluded.answers, decided = decided + excluded.decided"
    )


# Answers that a person gave here, by UTC day: one that is edited counts on the day of the edit, one that is taken back
# on none.
_WORK_DAYS_TRIGGER = """
CREATE TRIGGER work_days_insert AFTER INSERT ON judgments WHEN NEW.import_id IS NULL BEGIN
    UPDATE work_days SET answers = answers - 1 WHERE (annotator_id, day) =
        (SELECT annotator_id, substr(created_at, 1, 10) FROM judgments
        WHERE id = NEW.supersedes_id AND import_id IS NULL AND skipped IS NOT 'undone');
    INSERT INTO work_days (annotator_id, day, answers)
        SELECT NEW.annotator_id, substr(NEW.created_at, 1, 10), 1 WHERE NEW.skipped IS NOT 'undone'
        ON CONFLICT (annotator_id, day) DO UPDATE SET answers = answers + 1;
END
"""

_TRIGGERS = [
    "DROP TRIGGER judgments_no_update",
    kept_by_erasure(),
    *append_only("guidelines"),
    *append_only("audit"),
    "CREATE TRIGGER comparisons_place BEFORE INSERT ON comparisons WHEN NEW.split IS NULL OR NEW.language IS NULL"
    " BEGIN SELECT RAISE(ABORT, 'a comparison carries split and language of its prompt'); END",
    f"CREATE TRIGGER tallies_insert AFTER INSERT ON comparisons BEGIN {_tally('NEW', '+')}; END",
    "CREATE TRIGGER tallies_update AFTER UPDATE OF round_id, purpose, answers, decided, overlap, withdrawn"
    f" ON comparisons BEGIN {_tally('OLD', '-')}; {_tally('NEW', '+')}; END",
    _WORK_DAYS_TRIGGER.strip(),
]

STATEMENTS: list[str] = [
    *statements(_TABLES, ";\n\n"),
    *statements(_NEW_COLUMNS, ";\n"),
    *statements(_COPIES, ";\n"),
    *statements(_INDEXES, ";\n"),
    _COUNTED_JUDGMENTS.strip(),
    *_TRIGGERS,
]
