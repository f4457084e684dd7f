"""What the fourth version of the schema adds: blind evaluations of policies, and which comparisons pit two policies.

`policy_pairs` holds a comparison once for each two policies that wrote its texts (lower id first), kept by a trigger:
what people said of two policies is found without reading the others.

An evaluation pits sides against each other: policies, or the best of n texts of a policy. Until `unsealed_at` is set
nobody is told which side wrote a text (`sealed_completions`). `evaluation_judgments` are those
that counted when it was unsealed: who has seen the result cannot change it any more.
"""

from feedback_store.schema import append_only, statements

_TABLES = """
CREATE TABLE policy_pairs (
    policy_id INTEGER NOT NULL REFERENCES policies (id),
    other_id INTEGER NOT NULL REFERENCES policies (id),
    comparison_id INTEGER NOT NULL REFERENCES comparisons (id),
    PRIMARY KEY (policy_id, other_id, comparison_id),
    CHECK (policy_id < other_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY,
    run_id INTEGER UNIQUE REFERENCES runs (id),
    seed INTEGER NOT NULL,
    wanted INTEGER NOT NULL CHECK (wanted >= 1),
    stop_rule TEXT NOT NULL CHECK (stop_rule IN ('count', 'sequential')),
    error REAL NOT NULL CHECK (error > 0 AND error < 1),
    started_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    unsealed_at TEXT,
    unsealed_by TEXT,
    unsealed_why TEXT CHECK (unsealed_why IN ('count', 'sequential', 'exhausted', 'early')),
    CHECK ((unsealed_at IS NULL) = (unsealed_why IS NULL))
) STRICT;

CREATE TABLE evaluation_sides (
    evaluation_id INTEGER NOT NULL REFERENCES evaluations (id),
    side INTEGER NOT NULL CHECK (side >= 0),
    policy_id INTEGER NOT NULL REFERENCES policies (id),
    best_of INTEGER NOT NULL DEFAULT 1 CHECK (best_of >= 1),
    PRIMARY KEY (evaluation_id, side),
    UNIQUE (evaluation_id, policy_id, best_of)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluation_pairs (
    comparison_id INTEGER PRIMARY KEY REFERENCES comparisons (id),
    evaluation_id INTEGER NOT NULL,
    first_side INTEGER NOT NULL,
    second_side INTEGER NOT NULL,
    FOREIGN KEY (evaluation_id, first_side) REFERENCES evaluation_sides (evaluation_id, side),
    FOREIGN KEY (evaluation_id, second_side) REFERENCES evaluation_sides (evaluation_id, side),
    CHECK (first_side <> second_side)
) STRICT;

CREATE TABLE evaluation_judgments (
    evaluation_id INTEGER NOT NULL REFERENCES evaluations (id),
    judgment_id INTEGER NOT NULL REFERENCES judgments (id),
    PRIMARY KEY (evaluation_id, judgment_id)
) STRICT, WITHOUT ROWID;
"""

_INDEXES = """
CREATE INDEX policy_pairs_by_other ON policy_pairs (other_id);
CREATE INDEX policy_pairs_by_comparison ON policy_pairs (comparison_id);
CREATE INDEX evaluations_sealed ON evaluations (id) WHERE unsealed_at IS NULL;
CREATE INDEX evaluation_sides_by_policy ON evaluation_sides (policy_id);
CREATE INDEX evaluation_pairs_by_evaluation ON evaluation_pairs (evaluation_id);
CREATE INDEX evaluation_judgments_by_judgment ON evaluation_judgments (judgment_id);
"""

_PAIRS = """
INSERT OR IGNORE INTO policy_pairs (policy_id, other_id, comparison_id)
SELECT MIN(a.policy_id, b.policy_id), MAX(a.policy_id, b.policy_id), k.comparison_id
FROM candidates k JOIN candidates o ON o.comparison_id = k.comparison_id AND o.position <> k.position
JOIN completions a ON a.id = k.completion_id JOIN completions b ON b.id = o.completion_id
WHERE a.policy_id <> b.policy_id"""

_TRIGGERS = [
    f"CREATE TRIGGER policy_pairs_insert AFTER INSERT ON candidates BEGIN {_PAIRS.strip()}"
    " AND k.comparison_id = NEW.comparison_id AND k.position = NEW.position; END",
    *append_only("evaluation_sides"),
    *append_only("evaluation_pairs"),
    *append_only("evaluation_judgments"),
    # What was looked at stays looked at, and what was asked for stays what it was: only the run is named later.
    "CREATE TRIGGER evaluations_keep BEFORE UPDATE ON evaluations WHEN OLD.unsealed_at IS NOT NULL"
    " OR OLD.id IS NOT NEW.id OR OLD.seed IS NOT NEW.seed OR OLD.wanted IS NOT NEW.wanted"
    " OR OLD.stop_rule IS NOT NEW.stop_rule OR OLD.error IS NOT NEW.error"
    " BEGIN SELECT RAISE(ABORT, 'an evaluation keeps what it was started with'); END",
    "CREATE TRIGGER evaluations_no_delete BEFORE DELETE ON evaluations"
    " BEGIN SELECT RAISE(ABORT, 'evaluations can only be added to'); END",
    "CREATE TRIGGER evaluation_pairs_purpose BEFORE INSERT ON evaluation_pairs WHEN NOT EXISTS"
    " (SELECT 1 FROM comparisons c WHERE c.id = NEW.comparison_id AND c.purpose = 'evaluation' AND c.split = 'holdout')"
    " BEGIN SELECT RAISE(ABORT, 'an evaluation compares on held-out prompts, and never trains'); END",
]

# Not distinct, though a completion may stand in several pairs: else it would be read whole for each question asked.
_SEALED_COMPLETIONS = """
CREATE VIEW sealed_completions AS
SELECT k.completion_id FROM evaluations v JOIN evaluation_pairs e ON e.evaluation_id = v.id
JOIN candidates k ON k.comparison_id = e.comparison_id WHERE v.unsealed_at IS NULL
"""

STATEMENTS: list[str] = [
    *statements(_TABLES, ";\n\n"),
    *statements(_INDEXES, ";\n"),
    _PAIRS.strip(),
    *_TRIGGERS,
    _SEALED_COMPLETIONS.strip(),
]
