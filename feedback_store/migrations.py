"""The numbered steps of the schema. Each is a small function, applied once and in order, in one transaction.

To add one: write `m00N_what(db)` below the last, and its name into schema_version.STEP_NAMES. Never change one that was
released.
"""

from contextlib import closing
from typing import Any

import sqlite_utils
from sqlite_utils.migrations import Migrations

from feedback_store import (
    schema_features,
    schema_full_record,
    schema_pauses,
    schema_people,
    schema_policies,
    schema_time_at_work,
    schema_tokens,
    schema_version,
)
from feedback_store.schema import INITIAL
from feedback_store.schema_version import MIGRATION_SET
from feedback_store.sqlite import sqlite3

STEPS = Migrations(MIGRATION_SET)


@STEPS()
def m001_initial(db: sqlite_utils.Database) -> None:
    """All tables of the first version."""
    for statement in INITIAL:
        db.conn.execute(statement)


@STEPS()
def m002_full_record(db: sqlite_utils.Database) -> None:
    """People, guidelines, flags, consents, erasures, audit, runs that wait for others, counts kept up to date."""
    for statement in schema_full_record.STATEMENTS:
        db.conn.execute(statement)


@STEPS()
def m003_people(db: sqlite_utils.Database) -> None:
    """Accounts, invitations, throttles, information texts, what was asked and what a browser noted with a judgment."""
    for statement in schema_people.STATEMENTS:
        db.conn.execute(statement)


@STEPS()
def m004_policies(db: sqlite_utils.Database) -> None:
    """Blind evaluations of policies, and which comparisons pit two policies against each other."""
    for statement in schema_policies.STATEMENTS:
        db.conn.execute(statement)


@STEPS()
def m005_tokens(db: sqlite_utils.Database) -> None:
    """Tokens by which programs use the HTTP interface."""
    for statement in schema_tokens.STATEMENTS:
        db.conn.execute(statement)


@STEPS()
def m006_features(db: sqlite_utils.Database) -> None:
    """Features of texts, kept by content."""
    for statement in schema_features.STATEMENTS:
        db.conn.execute(statement)


@STEPS()
def m007_time_at_work(db: sqlite_utils.Database) -> None:
    """How long workers were at a run, without the time between its attempts."""
    for statement in schema_time_at_work.STATEMENTS:
        db.conn.execute(statement)


@STEPS()
def m008_pauses(db: sqlite_utils.Database) -> None:
    """The pause that a withdrawal found, and where a qualification stands among the judgments."""
    for statement in schema_pauses.STATEMENTS:
        db.conn.execute(statement)


def apply(connection: Any) -> None:
    """Apply what is pending, inside the caller's transaction: a crash leaves the old schema or the new one."""
    factory, connection.row_factory = connection.row_factory, None  # sqlite-utils reads rows as tuples
    try:
        STEPS.apply(sqlite_utils.Database(connection))
    finally:
        connection.row_factory = factory


def guards_of_a_new_study() -> dict[tuple[str, str], str]:
    """Return the triggers, views and indexes that a study has when all steps were applied, as schema_version.guards."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        apply(connection)
        return schema_version.guards(connection)
