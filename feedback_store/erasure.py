"""Erasing what a person wrote, on request: the words go, the judgments stay.

Blanked: the name, rationales, improved completions, reasons of skips in own words, texts among criteria, unknown fields
of imported judgments, notes on flags (also of imported ones that could not be linked), addresses of sessions, the
account's password, invitations, names of tokens (which are revoked), and why rows of imports were left out. Kept: ids,
ranks, strength, times and all that was trained from them. The statements are those of erasure_acts.py; everything
happens in one transaction, with a row in `erasures` and one in `audit` (neither holds the name).

SQLite leaves old bytes in free pages and in the free parts of pages, and `secure_delete` does not reach those that an
index left behind when it grew. So the whole file is written anew afterwards (VACUUM; source:
https://www.sqlite.org/lang_vacuum.html, "traces of deleted content") and the log is emptied: what was erased is found
nowhere in the study's files. Submits wait meanwhile.
"""

from dataclasses import dataclass

from feedback_store import accounts, annotators, audit, clock, erasure_acts, provenance
from feedback_store.database import FILE_NAME, Database
from feedback_store.errors import InvalidInput, StoreUnavailable
from feedback_store.provenance import Trained
from feedback_store.study_folder import require_free_space

OLD_COPIES = ("backups", "exports", "uploads", "errands")


@dataclass(frozen=True)
class Erasure:
    """What was done. `name` is what the person is called from now on; `counts` says how many of what were blanked or
    ended; `trained` is what the person's judgments had trained, which stays; `remains` says in words what an erasure
    cannot reach.
    """

    annotator_id: int
    name: str
    counts: dict[str, int]
    trained: Trained
    remains: list[str]


def erase(db: Database, annotator_id: int, *, by: str, reason: str, now: str | None = None) -> Erasure:
    """Erase what a person wrote, durably and from the bytes of the file. Again for the same person it completes what a
    full disk or a lock kept from being completed.

    Raises InvalidInput for an unknown person, the last admin, an empty reason, or inside another transaction;
    StoreUnavailable where the disk has no space for writing the file anew.
    """
    if not reason.strip():
        raise InvalidInput("An erasure needs a reason that is not empty, such as the date of the person's request.")
    if db.connection().in_transaction:
        raise InvalidInput("An erasure cannot be part of another transaction; end that one first.")
    moment = now or clock.now()
    person = annotators.get(db, annotator_id)
    require_free_space(db.folder, 2 * (db.folder / FILE_NAME).stat().st_size, "writing the study's file anew")
    with db.transaction():
        accounts.require_other_admin(db, annotator_id)
        new_name = _new_name(db, annotator_id)
        with erasure_acts.under_way(db, annotator_id, by=by, reason=reason, now=moment) as counts:
            counts |= erasure_acts.blank_words(db, annotator_id, person.name)
            counts |= erasure_acts.replace_name(db, annotator_id, person.name, new_name, moment)
            counts |= {"leases": erasure_acts.end_leases(db, annotator_id, moment)}
        detail = {"reason": reason, "counts": counts}
        audit.note(db, actor=by, action="erase", subject=f"annotator {annotator_id}", detail=detail, now=moment)
    remains = [*write_file_anew(db), *_acts_under(db, person.name, new_name), *_files_of_imports(db, annotator_id)]
    beware = "was written before and may hold the words: delete it, or keep it knowingly."
    trained = provenance.trained_by_person(db, annotator_id)
    copies = [f"{copy} {beware}" for copy in old_copies(db, trained)]
    return Erasure(annotator_id, new_name, counts, trained, [*remains, *copies])


def write_file_anew(db: Database) -> list[str]:
    """Write the study's file anew, so that the bytes of erased words are gone; say in words what kept it from that."""
    again = "Then erase the person again."
    try:
        require_free_space(db.folder, 2 * (db.folder / FILE_NAME).stat().st_size, "writing the study's file anew")
        db.execute("VACUUM")
        busy = db.row("PRAGMA wal_checkpoint(TRUNCATE)")
    except StoreUnavailable as error:
        return [f"The words are erased, but their bytes may still lie in free parts of {FILE_NAME}: {error} {again}"]
    if busy and busy["busy"]:
        return [
            f"The words are erased, but a reader of the study keeps their bytes in {FILE_NAME}. Close long readers "
            "(notebooks, exports). " + again
        ]
    return []


def old_copies(db: Database, trained: Trained) -> list[str]:
    """Return the names of what was written out of the study before, or waits to come in, inside its folder; and of the
    checkpoints of what was trained on a person's judgments, which can keep texts that it read as tokens.
    """
    found = [path for folder in OLD_COPIES for path in sorted((db.folder / folder).glob("*"))]
    found += [path for run in trained.runs if (path := db.folder / "runs" / str(run) / "checkpoints").is_dir()]
    return [str(path.relative_to(db.folder)) for path in found]


def _new_name(db: Database, annotator_id: int) -> str:
    """The same at each erasure of a person, unless someone else has taken that name."""
    name = f"erased-{annotator_id}"
    while (holder := annotators.by_name(db, name)) is not None and holder.id != annotator_id:
        name += "-"
    return name


def _acts_under(db: Database, old_name: str, new_name: str) -> list[str]:
    """Histories that can only be added to name whoever acted: rarely someone who judges, mostly a lead."""
    if old_name == new_name:
        return []
    number = db.value(
        "SELECT (SELECT COUNT(*) FROM study_settings WHERE set_by = :name) + (SELECT COUNT(*) FROM audit WHERE actor ="
        " :name) + (SELECT COUNT(*) FROM guidelines WHERE set_by = :name)"
        " + (SELECT COUNT(*) FROM information_texts WHERE set_by = :name)",
        {"name": old_name},
    )
    if not number:
        return []
    return [f"{number} entries of the study's history (settings, texts, audit) name the person as who made them."]


def _files_of_imports(db: Database, annotator_id: int) -> list[str]:
    rows = db.rows(
        "SELECT DISTINCT i.file_name FROM judgments j JOIN imports i ON i.id = j.import_id WHERE j.annotator_id = ?"
        " ORDER BY i.id",
        [annotator_id],
    )
    return [f"The file {row['file_name']}, from which judgments were imported, still has the words." for row in rows]
