"""What the eighth version of the schema adds: the pause that a withdrawal found, and where a qualification stands among
the judgments.

Who comes back is paused as before. Which answers belong to a try is told by the order of the rows and not by the clock,
which may be set back. What was granted before stands behind the person's answers up to its time.
"""

STATEMENTS: list[str] = [
    "ALTER TABLE annotators ADD COLUMN earlier_paused_at TEXT",
    "ALTER TABLE annotators ADD COLUMN earlier_paused_why TEXT CHECK (earlier_paused_why = 'checks')",
    "ALTER TABLE qualifications ADD COLUMN after_judgment_id INTEGER NOT NULL DEFAULT 0",
    "UPDATE qualifications SET after_judgment_id = (SELECT COALESCE(MAX(j.id), 0) FROM judgments j"
    " WHERE j.annotator_id = qualifications.annotator_id AND j.created_at <= qualifications.granted_at)",
]
