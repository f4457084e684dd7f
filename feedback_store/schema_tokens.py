"""What the fifth version of the schema adds: tokens by which programs use the HTTP interface."""

STATEMENTS: list[str] = [
    """
CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY,
    token_sha256 TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL CHECK (name <> ''),
    annotator_id INTEGER NOT NULL REFERENCES annotators (id),
    scopes TEXT NOT NULL CHECK (json_valid(scopes)),
    made_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    seen_at TEXT,
    revoked_at TEXT
) STRICT""".strip(),
    "CREATE UNIQUE INDEX api_tokens_named ON api_tokens (name) WHERE revoked_at IS NULL",
]
