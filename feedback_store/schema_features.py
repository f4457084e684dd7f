"""What the sixth version of the schema adds: features of texts, as the reward's head reads them.

A cache: every row can be computed again from the texts and the base, which never change. A set names what computed it
(base, tokenizer, template, settings); a text is named by the sha256 of its content. Features of what people wrote
themselves are never kept, so an erasure has nothing to blank here.
"""

STATEMENTS: list[str] = [
    """
CREATE TABLE feature_sets (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    width INTEGER NOT NULL CHECK (width >= 1)
) STRICT""".strip(),
    """
CREATE TABLE text_features (
    id INTEGER PRIMARY KEY,
    set_id INTEGER NOT NULL REFERENCES feature_sets (id) ON DELETE CASCADE,
    text_sha256 TEXT NOT NULL CHECK (length(text_sha256) = 64),
    vector BLOB NOT NULL CHECK (length(vector) > 0 AND length(vector) % 4 = 0),
    UNIQUE (set_id, text_sha256)
) STRICT""".strip(),
]
