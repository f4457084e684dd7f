"""Whether a study is sound: its database, its folders, and whether the two say the same.

It reads only, and may be run while the study is used. Every finding says what is wrong, where, and what to do. A fault
is something that was lost or is contradictory; the rest is worth knowing, and the study is sound all the same.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from feedback_store import (
    clock,
    content_check,
    pseudonyms,
    schema_version,
    study_folder,
    study_settings,
    whole_folder,
)
from feedback_store.backups import CHECKPOINTS, MANIFEST, UNFINISHED, manifest_of_weights
from feedback_store.database import FILE_NAME, TRUNCATE_WAL_BYTES, Database, in_other_words
from feedback_store.errors import StoreError, StoreUnavailable, StudyNotFound, StudyTooNew
from feedback_store.sqlite import sqlite3
from feedback_store.study_folder import SECRET_KEY

CARD = "card.json"
MOST_OF_A_KIND = 20
FROM_BACKUP = "Restore it from a backup."
BY_ANOTHER = f"Something else than this program changed the database. {FROM_BACKUP}"
NUMBERS_ONLY = "Pages and quotas use a wrong number; judgments, training and exports are not concerned. Report this."


@dataclass(frozen=True)
class Finding:
    """`fault`: something is wrong; otherwise worth knowing. `where` names a file, a folder or rows."""

    fault: bool
    what: str
    where: str
    advice: str


def check(folder: Path | str, now: str | None = None) -> list[Finding]:
    """Look through the study in a folder and return what was found, the gravest first; an empty list is a sound study.

    Raises StudyNotFound.
    """
    folder = Path(folder)
    if not (folder / FILE_NAME).is_file():
        raise StudyNotFound(f"No study in {folder}: there is no file {FILE_NAME}. Check the path.")
    on_disk = _folders_of_weights(folder)  # before the rows: weights are in their place before they get their row
    found: list[Finding] = []
    with Database(folder, readonly=True) as db:  # not `open`, which refuses what is to be looked at here
        try:
            found += [*_emptied(db)] or [*_database(db)]
            if not found:
                found += _schema(db)
            if not found:
                found += [*_guards(db), *_contents(db), *_key(db)]
                found += [*_weights(db, on_disk), *_counts(db), *_runs(db, now or clock.now())]
        except (StoreUnavailable, sqlite3.DatabaseError) as error:
            found.append(_unreadable(error))
    found += [*_leftovers(folder), *_log(folder), *_place(folder)]
    return sorted(map(_in_unicode, found), key=lambda one: not one.fault)


def _in_unicode(found: Finding) -> Finding:
    """A file name that is no UTF-8, as it can be printed."""
    return replace(found, where=found.where.encode("utf-8", "backslashreplace").decode())


def _unreadable(error: Exception) -> Finding:
    words = error if isinstance(error, StoreUnavailable) else in_other_words(error)
    if words is None:
        return Finding(True, f"The database cannot be read: {error}.", FILE_NAME, FROM_BACKUP)
    what, _, advice = str(words).partition(". ")
    return Finding(True, f"The database could not be checked: {what}.", FILE_NAME, f"{advice} Then check again.")


def _emptied(db: Database) -> Iterator[Finding]:
    try:
        db.require_a_study()
    except StoreUnavailable:
        raise
    except StoreError as error:
        what, _, advice = str(error).partition(". ")
        yield Finding(True, f"{what}.", FILE_NAME, advice)


def _database(db: Database) -> Iterator[Finding]:
    for row in db.rows(f"PRAGMA integrity_check({MOST_OF_A_KIND})"):
        words = str(row["integrity_check"])
        if words != "ok":
            yield Finding(True, f"The database is damaged: {words}", FILE_NAME, FROM_BACKUP)
    for row in db.rows("PRAGMA foreign_key_check")[:MOST_OF_A_KIND]:
        yield Finding(
            True,
            f"A row of {row['table']} points to a row of {row['parent']} that is not there.",
            f"{FILE_NAME}, {row['table']} {row['rowid']}",
            BY_ANOTHER,
        )


def _schema(db: Database) -> Iterator[Finding]:
    try:
        schema_version.require_current(db.connection())
    except StudyTooNew as error:
        yield Finding(True, str(error), FILE_NAME, "Install the newer version.")
    except StoreError as error:
        yield Finding(True, str(error), FILE_NAME, "Back it up, then open it, and check again.")


def _guards(db: Database) -> Iterator[Finding]:
    """The triggers that keep judgments from being changed, and views and indexes, against those of a new study."""
    from feedback_store import migrations  # loads pandas

    there, expected = schema_version.guards(db.connection()), migrations.guards_of_a_new_study()
    for kind, name in sorted(expected.keys() | there.keys()):
        where = f"{FILE_NAME}, {kind} {name}"
        if (kind, name) not in there:
            yield Finding(True, f"The {kind} {name} is missing.", where, BY_ANOTHER)
        elif (kind, name) not in expected:
            advice = BY_ANOTHER if kind == "trigger" else "It changes no row; drop it if nobody wants it."
            yield Finding(kind == "trigger", f"The {kind} {name} is none of this program's.", where, advice)
        elif there[kind, name] != expected[kind, name]:
            yield Finding(True, f"The {kind} {name} is not as this program makes it.", where, BY_ANOTHER)


def _contents(db: Database) -> Iterator[Finding]:
    for table, changed in (
        ("prompts", content_check.changed_prompts(db)),
        ("judgments", content_check.changed_judgments(db)),
    ):
        for row_id in islice(changed, MOST_OF_A_KIND):
            yield Finding(
                True, "The content of this row differs from its sha256.", f"{FILE_NAME}, {table} {row_id}", FROM_BACKUP
            )


def _key(db: Database) -> Iterator[Finding]:
    """The key by which people are called in exports, and names that failed to log in are counted."""
    back = "Bring it back from a backup. Without it people have other pseudonyms in exports than they had before."
    mark = study_settings.get(db, pseudonyms.MARK)
    if not (db.folder / SECRET_KEY).exists():
        if mark is not None or db.value("SELECT 1 FROM throttles LIMIT 1"):
            yield Finding(True, "The key of the pseudonyms is missing.", SECRET_KEY, back)
        return
    try:
        key = pseudonyms.held_key(db)
    except StoreUnavailable:
        yield Finding(True, "The key of the pseudonyms cannot be read, or is damaged.", SECRET_KEY, back)
        return
    if mark not in (None, pseudonyms.mark_of(key)):
        yield Finding(True, "The key of the pseudonyms is not the one that the study began with.", SECRET_KEY, back)


def _folders_of_weights(folder: Path) -> list[str]:
    return [f"models/{path.name}" for path in _visible(folder / "models") if path.is_dir()]


def _weights(db: Database, on_disk: list[str]) -> Iterator[Finding]:
    rows = db.rows(
        "SELECT name, folder, manifest_sha256 FROM policies WHERE folder IS NOT NULL"
        " UNION ALL SELECT name, folder, manifest_sha256 FROM reward_models"
    )
    for row in rows:
        if not (db.folder / row["folder"]).is_dir():
            yield Finding(True, f"The weights of {row['name']} are missing.", row["folder"], FROM_BACKUP)
        else:
            yield from _manifest(db.folder, row["folder"], row["manifest_sha256"])
    base = db.value("SELECT source FROM policies WHERE kind = 'base'")
    known = {row["folder"] for row in rows} | {base}
    for name in on_disk:
        if name == base:
            yield from _manifest(db.folder, name, None)
        elif name not in known and not _being_published(db, name):
            yield Finding(
                False,
                "No row knows these weights: a worker was killed before it published them, or they were put aside.",
                name,
                "They do no harm; move them away if nobody wants them.",
            )


def _manifest(study: Path, name: str, expected: str | None) -> Iterator[Finding]:
    """Faults of one folder of weights: its manifest against the row, its files against the manifest."""
    folder = study / name
    if not (folder / MANIFEST).is_file():
        yield Finding(True, f"The weights have no {MANIFEST}, so they cannot be checked.", name, FROM_BACKUP)
        return
    if expected is not None and whole_folder.sha256(folder / MANIFEST) != expected:
        yield Finding(True, "The manifest is not the one that was published.", f"{name}/{MANIFEST}", FROM_BACKUP)
    sums = manifest_of_weights(folder)
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    for inner in sorted(set(sums) | there):
        if inner not in there:
            yield Finding(True, "A file of the weights is missing.", f"{name}/{inner}", FROM_BACKUP)
        elif inner not in sums:
            yield Finding(True, "A file that the manifest does not name lies here.", f"{name}/{inner}", "Remove it.")
        elif whole_folder.sha256(folder / inner) != sums[inner]:
            yield Finding(True, "A file of the weights differs from its sha256.", f"{name}/{inner}", FROM_BACKUP)


def _being_published(db: Database, name: str) -> bool:
    """Whether the run that wrote these weights has not ended: it is about to give them their row."""
    try:
        run_id = json.loads((db.folder / name / CARD).read_text(encoding="utf-8"))["run_id"]
        status = db.value("SELECT status FROM runs WHERE id = ?", [run_id])
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error):
        return False
    return status in ("queued", "running")


def _counts(db: Database) -> Iterator[Finding]:
    """Counts that are kept so that no page has to count rows."""
    again = "The next answer to it counts it anew. No judgment is lost; until then it is asked too often or too rarely."
    for row in db.rows(_WRONG_ANSWERS)[:MOST_OF_A_KIND]:
        yield Finding(
            True,
            f"A comparison says that it has {row['answers']} answers ({row['decided']} decided); there are"
            f" {row['live']} ({row['live_decided']}).",
            f"{FILE_NAME}, comparisons {row['id']}",
            again,
        )
    for row in db.rows(_WRONG_TALLIES)[:MOST_OF_A_KIND]:
        yield Finding(
            True,
            f"The tally of round {row['round_id']}, {row['split']}, {row['purpose']} differs from its comparisons.",
            f"{FILE_NAME}, tallies",
            NUMBERS_ONLY,
        )
    for row in db.rows(_WRONG_DAYS)[:MOST_OF_A_KIND]:
        yield Finding(
            True,
            f"The count of answers of annotator {row['annotator_id']} on {row['day']} differs from the judgments.",
            f"{FILE_NAME}, work_days",
            NUMBERS_ONLY,
        )


_WRONG_ANSWERS = """
SELECT c.id, c.answers, c.decided, COUNT(j.id) AS live, COUNT(j.ranks) AS live_decided
FROM comparisons c LEFT JOIN live_judgments j ON j.comparison_id = c.id WHERE c.withdrawn = 0
GROUP BY c.id HAVING c.answers <> COUNT(j.id) OR c.decided <> COUNT(j.ranks) ORDER BY c.id
"""

_WRONG_TALLIES = """
WITH counted AS (
    SELECT COALESCE(round_id, 0) AS round_id, split, purpose, COUNT(*) AS comparisons,
        SUM(answers >= overlap) AS judged, SUM(answers) AS answers, SUM(decided) AS decided
    FROM comparisons WHERE withdrawn = 0 GROUP BY 1, 2, 3
),
kept AS (SELECT * FROM tallies WHERE comparisons <> 0 OR judged <> 0 OR answers <> 0 OR decided <> 0)
SELECT DISTINCT round_id, split, purpose FROM (
    SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept)
    UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted)
) ORDER BY round_id, split, purpose
"""

_WRONG_DAYS = """
WITH counted AS (
    SELECT annotator_id, substr(created_at, 1, 10) AS day, COUNT(*) AS answers FROM judgments j
    WHERE import_id IS NULL AND skipped IS NOT 'undone'
    AND NOT EXISTS (SELECT 1 FROM judgments n WHERE n.supersedes_id = j.id AND n.import_id IS NULL) GROUP BY 1, 2
),
kept AS (SELECT annotator_id, day, answers FROM work_days WHERE answers > 0)
SELECT DISTINCT annotator_id, day FROM (
    SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept)
    UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted)
) ORDER BY annotator_id, day
"""


def _runs(db: Database, now: str) -> Iterator[Finding]:
    for row in db.rows("SELECT id FROM runs WHERE status = 'running' AND lease_expires_at <= ? ORDER BY id", [now]):
        yield Finding(
            False,
            "A run is under way, but its worker gives no sign of life.",
            f"runs/{row['id']}",
            "It goes on when a worker comes: `tastemaker serve` or `tastemaker worker`.",
        )
    status = {str(row["id"]): row["status"] for row in db.rows("SELECT id, status FROM runs")}
    for path in _visible(db.folder / "runs"):
        if path.name not in status:
            yield Finding(False, "No row knows this run.", f"runs/{path.name}", "Move the folder away.")
        elif status[path.name] == "succeeded" and (path / CHECKPOINTS).is_dir():
            yield Finding(
                False,
                "A run that came to its end left its checkpoints.",
                f"runs/{path.name}/{CHECKPOINTS}",
                "Delete them: only a run that goes on needs checkpoints.",
            )


def _leftovers(folder: Path) -> Iterator[Finding]:
    for parent in ("models", "exports", "backups", "runs"):
        for path in sorted((folder / parent).rglob(f"{UNFINISHED}*")):
            yield Finding(
                False,
                "A writer is at work here, or was killed.",
                str(path.relative_to(folder)),
                "Delete it if no worker, export or backup is running.",
            )


def _log(folder: Path) -> Iterator[Finding]:
    wal = folder / f"{FILE_NAME}-wal"
    size = wal.stat().st_size if wal.exists() else 0
    if size > TRUNCATE_WAL_BYTES:
        yield Finding(
            False,
            f"The database's log is {study_folder.in_words(size)} long: it has not been folded back for a while.",
            wal.name,
            "A server or worker does that; close readers that have been open for long (notebooks).",
        )


def _place(folder: Path) -> Iterator[Finding]:
    for words in study_folder.warnings(folder):
        what, _, advice = words.partition(". ")
        yield Finding(False, f"{what}.", ".", advice)


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if not path.name.startswith(UNFINISHED))
