"""The tables of a study, statement by statement.

Every table is STRICT. JSON columns hold canonical JSON text. Judgments and study settings can only be added to:
triggers hold that. What an import brought is never deleted when it is taken back: prompts, completions and comparisons
are marked `withdrawn`, judgments are listed in `withdrawn_judgments`.
"""

_TABLES = """
CREATE TABLE imports (
    id INTEGER PRIMARY KEY,
    format TEXT NOT NULL,
    file_name TEXT NOT NULL,
    file_sha256 TEXT NOT NULL,
    row_count INTEGER NOT NULL DEFAULT 0 CHECK (row_count >= 0),
    added INTEGER NOT NULL DEFAULT 0 CHECK (added >= 0),
    known INTEGER NOT NULL DEFAULT 0 CHECK (known >= 0),
    problems TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(problems)),
    created_at TEXT NOT NULL,
    undone_at TEXT
) STRICT;

CREATE TABLE import_rows (
    import_id INTEGER NOT NULL REFERENCES imports (id),
    line INTEGER NOT NULL CHECK (line >= 1),
    row_key TEXT NOT NULL,
    PRIMARY KEY (import_id, row_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE import_items (
    import_id INTEGER NOT NULL REFERENCES imports (id),
    kind TEXT NOT NULL CHECK (kind IN ('prompt', 'completion', 'comparison', 'judgment')),
    item_id INTEGER NOT NULL,
    PRIMARY KEY (import_id, kind, item_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind <> ''),
    config TEXT NOT NULL CHECK (json_valid(config)),
    status TEXT NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    priority INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    max_attempts INTEGER NOT NULL DEFAULT 3 CHECK (max_attempts >= 1),
    token INTEGER NOT NULL DEFAULT 0 CHECK (token >= 0),
    worker TEXT,
    lease_expires_at TEXT,
    heartbeat_at TEXT,
    cancel_asked_at TEXT,
    progress TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(progress)),
    error TEXT,
    result TEXT CHECK (result IS NULL OR json_valid(result)),
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
    CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (ended_at IS NOT NULL))
) STRICT;

CREATE TABLE run_metrics (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    series TEXT NOT NULL,
    step INTEGER NOT NULL CHECK (step >= 0),
    readings TEXT NOT NULL CHECK (json_valid(readings)),
    at TEXT NOT NULL,
    PRIMARY KEY (run_id, series, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_logs (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    at TEXT NOT NULL,
    level TEXT NOT NULL DEFAULT 'info' CHECK (level IN ('info', 'warning', 'error')),
    text TEXT NOT NULL
) STRICT;

CREATE TABLE prompts (
    id INTEGER PRIMARY KEY,
    messages TEXT NOT NULL CHECK (json_valid(messages)),
    sha256 TEXT NOT NULL UNIQUE,
    group_name TEXT NOT NULL,
    split TEXT NOT NULL CHECK (split IN ('train', 'holdout')),
    language TEXT NOT NULL DEFAULT 'en',
    tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
    reference TEXT,
    extra TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(extra)),
    withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)),
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE policies (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL CHECK (name <> ''),
    kind TEXT NOT NULL CHECK (kind IN ('base', 'trained', 'external')),
    parent_id INTEGER REFERENCES policies (id),
    folder TEXT,
    source TEXT,
    base_sha256 TEXT,
    tokenizer_sha256 TEXT,
    template_sha256 TEXT,
    manifest_sha256 TEXT,
    run_id INTEGER UNIQUE REFERENCES runs (id),
    metrics TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metrics)),
    created_at TEXT NOT NULL,
    CHECK (kind <> 'trained' OR (folder IS NOT NULL AND run_id IS NOT NULL AND parent_id IS NOT NULL)),
    CHECK (folder IS NULL OR folder NOT LIKE '/%')
) STRICT;

CREATE TABLE reward_models (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    folder TEXT NOT NULL UNIQUE CHECK (folder NOT LIKE '/%'),
    base_sha256 TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL,
    run_id INTEGER NOT NULL UNIQUE REFERENCES runs (id),
    metrics TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metrics)),
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE rounds (
    id INTEGER PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE CHECK (number >= 1),
    policy_id INTEGER REFERENCES policies (id),
    opened_at TEXT NOT NULL,
    closed_at TEXT
) STRICT;

CREATE TABLE completions (
    id INTEGER PRIMARY KEY,
    public_id TEXT NOT NULL UNIQUE,
    prompt_id INTEGER NOT NULL REFERENCES prompts (id),
    policy_id INTEGER NOT NULL REFERENCES policies (id),
    text TEXT NOT NULL,
    seed INTEGER,
    sample_index INTEGER CHECK (sample_index >= 0),
    sampling TEXT CHECK (sampling IS NULL OR json_valid(sampling)),
    token_count INTEGER CHECK (token_count >= 0),
    finish_reason TEXT CHECK (finish_reason IN ('stop', 'length')),
    run_id INTEGER REFERENCES runs (id),
    extra TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(extra)),
    withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)),
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE comparisons (
    id INTEGER PRIMARY KEY,
    public_id TEXT NOT NULL UNIQUE,
    prompt_id INTEGER NOT NULL REFERENCES prompts (id),
    round_id INTEGER REFERENCES rounds (id),
    purpose TEXT NOT NULL DEFAULT 'training' CHECK (purpose IN ('training', 'evaluation', 'check', 'repeat')),
    chosen_by TEXT NOT NULL DEFAULT 'random',
    is_random INTEGER NOT NULL DEFAULT 1 CHECK (is_random IN (0, 1)),
    score REAL,
    probability REAL CHECK (probability >= 0 AND probability <= 1),
    expert TEXT CHECK (expert IS NULL OR json_valid(expert)),
    priority INTEGER NOT NULL DEFAULT 0,
    overlap INTEGER NOT NULL DEFAULT 1 CHECK (overlap >= 1),
    answers INTEGER NOT NULL DEFAULT 0 CHECK (answers >= 0),
    run_id INTEGER REFERENCES runs (id),
    extra TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(extra)),
    withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)),
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE candidates (
    comparison_id INTEGER NOT NULL REFERENCES comparisons (id),
    position INTEGER NOT NULL CHECK (position BETWEEN 0 AND 8),
    completion_id INTEGER NOT NULL REFERENCES completions (id),
    PRIMARY KEY (comparison_id, position),
    UNIQUE (comparison_id, completion_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE annotators (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    kind TEXT NOT NULL CHECK (kind IN ('person', 'simulated', 'imported')),
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE assignments (
    id INTEGER PRIMARY KEY,
    comparison_id INTEGER NOT NULL REFERENCES comparisons (id),
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    shown TEXT NOT NULL CHECK (json_valid(shown)),
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    ended_at TEXT,
    ended_by TEXT CHECK (ended_by IN ('judged', 'given back', 'lost')),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
) STRICT;

CREATE TABLE judgments (
    id INTEGER PRIMARY KEY,
    comparison_id INTEGER NOT NULL REFERENCES comparisons (id),
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    key TEXT NOT NULL CHECK (key <> ''),
    content_sha256 TEXT NOT NULL,
    shown TEXT CHECK (shown IS NULL OR json_valid(shown)),
    ranks TEXT CHECK (ranks IS NULL OR json_valid(ranks)),
    both_bad INTEGER NOT NULL DEFAULT 0 CHECK (both_bad IN (0, 1)),
    skipped TEXT CHECK (skipped <> ''),
    strength INTEGER CHECK (strength BETWEEN 1 AND 3),
    rationale TEXT,
    criteria TEXT CHECK (criteria IS NULL OR json_valid(criteria)),
    improved TEXT CHECK (improved IS NULL OR json_valid(improved)),
    milliseconds INTEGER CHECK (milliseconds >= 0),
    input_device TEXT CHECK (input_device IN ('keyboard', 'pointer')),
    view TEXT CHECK (view IN ('rendered', 'raw')),
    at TEXT,
    late INTEGER NOT NULL DEFAULT 0 CHECK (late IN (0, 1)),
    supersedes_id INTEGER REFERENCES judgments (id),
    extra TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(extra)),
    import_id INTEGER REFERENCES imports (id),
    created_at TEXT NOT NULL,
    UNIQUE (annotator_id, key),
    CHECK ((ranks IS NULL) = (skipped IS NOT NULL)),
    CHECK (both_bad = 0 OR ranks IS NOT NULL),
    CHECK (supersedes_id < id)
) STRICT;

CREATE TABLE withdrawn_judgments (
    judgment_id INTEGER PRIMARY KEY REFERENCES judgments (id),
    at TEXT NOT NULL
) STRICT;

CREATE TABLE run_judgments (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    judgment_id INTEGER NOT NULL REFERENCES judgments (id),
    PRIMARY KEY (run_id, judgment_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE study_settings (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL CHECK (name <> ''),
    value TEXT NOT NULL CHECK (json_valid(value)),
    set_by TEXT,
    at TEXT NOT NULL
) STRICT;
"""

_INDEXES = """
CREATE INDEX import_rows_by_key ON import_rows (row_key);
CREATE INDEX import_items_by_item ON import_items (kind, item_id);
CREATE INDEX imports_by_file ON imports (file_sha256);
CREATE INDEX runs_waiting ON runs (priority DESC, id) WHERE status IN ('queued', 'running');
CREATE INDEX runs_by_kind ON runs (kind, status);
CREATE INDEX run_logs_by_run ON run_logs (run_id, id);
CREATE INDEX prompts_by_group ON prompts (group_name);
CREATE INDEX prompts_by_split ON prompts (split) WHERE withdrawn = 0;
CREATE UNIQUE INDEX policies_of_study ON policies (name) WHERE kind <> 'external';
CREATE UNIQUE INDEX policies_external ON policies (name) WHERE kind = 'external';
CREATE UNIQUE INDEX completions_by_draw ON completions (prompt_id, policy_id, seed, sample_index)
    WHERE seed IS NOT NULL;
CREATE INDEX completions_by_prompt ON completions (prompt_id, policy_id);
CREATE INDEX completions_by_policy ON completions (policy_id);
CREATE INDEX completions_by_run ON completions (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX comparisons_askable ON comparisons (priority DESC, id) WHERE answers < overlap AND withdrawn = 0;
CREATE INDEX comparisons_by_prompt ON comparisons (prompt_id);
CREATE INDEX comparisons_by_round ON comparisons (round_id);
CREATE INDEX comparisons_by_run ON comparisons (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX candidates_by_completion ON candidates (completion_id);
CREATE INDEX assignments_open_by_comparison ON assignments (comparison_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX assignments_open_by_annotator ON assignments (annotator_id, comparison_id) WHERE ended_at IS NULL;
CREATE INDEX assignments_by_annotator ON assignments (annotator_id, comparison_id);
CREATE INDEX judgments_by_comparison ON judgments (comparison_id);
CREATE INDEX judgments_by_annotator ON judgments (annotator_id, comparison_id);
CREATE INDEX judgments_superseding ON judgments (supersedes_id) WHERE supersedes_id IS NOT NULL;
CREATE INDEX judgments_by_import ON judgments (import_id) WHERE import_id IS NOT NULL;
CREATE INDEX run_judgments_by_judgment ON run_judgments (judgment_id);
CREATE INDEX study_settings_by_name ON study_settings (name, id);
"""


# What counts: not undone, not superseded, and not withdrawn with an import (what is withdrawn supersedes nothing
# either).
_LIVE_JUDGMENTS = """
CREATE VIEW live_judgments AS
SELECT j.* FROM judgments j
WHERE (j.skipped IS NULL OR j.skipped <> 'undone')
  AND NOT EXISTS (SELECT 1 FROM withdrawn_judgments w WHERE w.judgment_id = j.id)
  AND EXISTS (SELECT 1 FROM comparisons c WHERE c.id = j.comparison_id AND c.withdrawn = 0)
  AND NOT EXISTS (
    SELECT 1 FROM judgments n WHERE n.supersedes_id = j.id
    AND NOT EXISTS (SELECT 1 FROM withdrawn_judgments w WHERE w.judgment_id = n.id));
"""


def statements(script: str, end: str) -> list[str]:
    """Return the statements of a script, told apart by `end`."""
    return [part.strip() for part in script.split(end) if part.strip()]


def append_only(table: str) -> list[str]:
    """Return the triggers that let rows be added to a table, never changed or deleted."""
    return [
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} can only be added to'); END"
        for verb in ("UPDATE", "DELETE")
    ]


INITIAL: list[str] = [
    *statements(_TABLES, ";\n\n"),
    *statements(_INDEXES, ";\n"),
    *append_only("judgments"),
    *append_only("study_settings"),
    _LIVE_JUDGMENTS.strip(),
]
