"""What an erased person wrote is gone from the rows and from the bytes; what was judged stays."""

import json
import random
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import annotators, audit, criteria, database, erasure, exchange, judgments, runs, study_folder
from feedback_store.database import Database
from feedback_store.errors import InvalidInput, StoreUnavailable
from feedback_store.provenance import Trained
from feedback_store.sqlite import sqlite3

NOW = "2026-11-23T10:00:00.000Z"
LATER = "2026-11-24T10:00:00.000Z"


def bytes_of(db: Database) -> bytes:
    """All that lies in the study's folder."""
    return b"".join(path.read_bytes() for path in db.folder.rglob("*") if path.is_file())


@pytest.fixture
def told(db: Database, compare: Callable, judge: Callable) -> Database:
    """Ann's and Bob's words in every place for words."""
    for number, comparison in enumerate(compare(db, 4)):
        name, words = ("ann secretname", "ann wrote") if number < 3 else ("bob", "bob wrote")
        judge(
            db, comparison, [1, 2], name=name, rationale=f"{words} a reason",
            improved={"position": 0, "text": f"{words} an edit"},
            strength=2, extra={"aside": f"{words} aside"},
        )  # fmt: skip
    judge(db, 1, [2, 1], name="ann secretname", rationale="ann wrote another " + "long " * 3000)  # supersedes the first
    for name in ("ann secretname", "bob"):
        person = annotators.ensure(db, name).id
        db.execute(
            "INSERT INTO flags (comparison_id, annotator_id, note, created_at) VALUES (1, ?, ?, ?)",
            [person, f"{name} wrote a note", NOW],
        )
        db.execute(
            "INSERT INTO sessions (token_sha256, annotator_id, created_at, seen_at, expires_at, address)"
            " VALUES (?, ?, ?, ?, ?, '192.0.2.77')",
            [f"token {person}", person, NOW, NOW, LATER],
        )
        db.execute("INSERT INTO consents (annotator_id, text_version, given_at) VALUES (?, 1, ?)", [person, NOW])
    return db


def test_the_words_go_and_the_judgments_stay(told: Database) -> None:
    before = told.rows("SELECT * FROM judgments ORDER BY id")
    done = erasure.erase(told, 1, by="lead", reason="asked on Monday", now=LATER)
    assert (done.name, annotators.get(told, 1).name) == ("erased-1", "erased-1")
    changed = {what: number for what, number in done.counts.items() if number}
    assert changed == {"judgments": 4, "name": 1, "flags": 1, "sessions": 1, "consents": 1}
    blank = {"rationale": None, "improved": None, "extra": "{}", "marks": "[]"}
    expected = [{**row, **(blank if row["annotator_id"] == 1 else {})} for row in before]
    assert told.rows("SELECT * FROM judgments ORDER BY id") == expected
    assert [row["note"] for row in told.rows("SELECT note FROM flags")] == ["", "bob wrote a note"]
    sessions = told.rows("SELECT revoked_at, address FROM sessions ORDER BY id")
    assert sessions == [{"revoked_at": LATER, "address": None}, {"revoked_at": None, "address": "192.0.2.77"}]
    assert told.rows("SELECT withdrawn_at AS at FROM consents ORDER BY id") == [{"at": LATER}, {"at": None}]


def test_words_hidden_in_reasons_criteria_and_imported_flags_go_too(db: Database, tmp_path: Path) -> None:
    criteria.add(db, "honest", "Which is more honest?")
    said = [
        {"annotator": "ann", "ranks": None, "skipped": "ann wrote why"},
        {"annotator": "bob", "ranks": None, "skipped": "bob wrote why"},
        {"annotator": "cy", "ranks": None, "skipped": "unsafe"},
    ]
    by_criteria = {
        "honest": {"ranks": [1, 2], "strength": 2, "aside": "ann wrote"},
        "ann wrote": 1,
        "brief": "ann wrote",
    }
    flags = [
        {"annotator": "ann", "note": "ann wrote a note", "resolved_by": None},
        {"annotator": "bob", "note": "bob wrote a note", "resolved_by": "ann"},
        "of another shape",
    ]
    texts = [{"text": "One."}, {"text": "Two."}]
    rows = [
        {"prompt": "Why?", "completions": texts, "judgments": said, "flags": flags, "reserved_for": "ann"},
        {
            "prompt": "How?", "completions": texts,
            "judgments": [{"annotator": "ann", "ranks": [1, 2], "criteria": by_criteria}],
        },
    ]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert exchange.import_file(db, tmp_path / "rows.jsonl", "comparisons").problems == []
    ann = annotators.by_name(db, "ann")
    assert ann is not None
    done = erasure.erase(db, ann.id, by="lead", reason="asked", now=LATER)
    assert {"judgments": 1, "criteria": 1, "flags": 1}.items() <= done.counts.items()
    skips = [row["skipped"] for row in db.rows("SELECT skipped FROM judgments WHERE skipped IS NOT NULL ORDER BY id")]
    assert skips == ["other", "bob wrote why", "unsafe"]
    kept = db.value("SELECT criteria FROM judgments WHERE criteria IS NOT NULL")
    assert json.loads(kept) == {"honest": {"ranks": [1, 2], "strength": 2}}
    first = json.loads(db.value("SELECT extra FROM comparisons ORDER BY id"))
    assert first["flags"] == [
        {"annotator": done.name, "note": "", "resolved_by": None},
        {"annotator": "bob", "note": "bob wrote a note", "resolved_by": done.name},
        "of another shape",
    ]
    assert first["reserved_for"] == done.name
    assert b"ann wrote" not in bytes_of(db)
    with pytest.raises(sqlite3.IntegrityError, match="can only be added to"):
        db.execute("UPDATE judgments SET skipped = 'other' WHERE skipped = 'bob wrote why'")


def test_an_erasure_is_written_down_without_the_name(told: Database) -> None:
    done = erasure.erase(told, 1, by="lead", reason="asked on Monday", now=LATER)
    (entry,) = audit.listing(told)
    assert (entry.at, entry.actor, entry.action, entry.subject) == (LATER, "lead", "erase", "annotator 1")
    assert entry.detail == {"reason": "asked on Monday", "counts": done.counts}
    (row,) = told.rows("SELECT * FROM erasures")
    assert (row["annotator_id"], row["by"], row["at"], row["done_at"]) == (1, "lead", LATER, LATER)


def test_nothing_of_it_is_left_in_the_bytes_of_the_study(told: Database) -> None:
    assert b"ann wrote" in bytes_of(told)
    assert b"secretname" in bytes_of(told)
    erasure.erase(told, 1, by="lead", reason="asked")
    left = bytes_of(told)
    assert b"ann wrote" not in left
    assert b"long long" not in left
    assert b"secretname" not in left
    assert b"bob wrote" in left


def test_nothing_is_left_in_what_an_index_or_a_table_once_used(db: Database) -> None:
    """Names in random order split the pages of their index, and a table that was dropped leaves its pages behind."""
    draw = random.Random(0)
    names = ["".join(draw.choices(string.ascii_lowercase, k=40)) for _ in range(400)]
    for name in names:
        annotators.ensure(db, name)
    db.execute("CREATE TABLE old AS SELECT name FROM annotators")
    db.execute("DROP TABLE old")
    db.checkpoint()
    for annotator_id in (1, 200, 400):
        assert names[annotator_id - 1].encode() in bytes_of(db)
        erasure.erase(db, annotator_id, by="lead", reason="asked")
        assert names[annotator_id - 1].encode() not in bytes_of(db)


def test_without_an_erasure_under_way_judgments_still_cannot_be_changed(told: Database) -> None:
    erasure.erase(told, 1, by="lead", reason="asked")
    with pytest.raises(sqlite3.IntegrityError, match="can only be added to"):
        told.execute("UPDATE judgments SET rationale = NULL WHERE annotator_id = 2")


def test_what_the_judgments_trained_is_named(told: Database) -> None:
    runs.enqueue(told, "train-reward", {})
    lease = runs.claim(told, "worker", lease_seconds=60)
    assert lease is not None
    runs.snapshot(told, lease, [2])
    assert erasure.erase(told, 1, by="lead", reason="asked").trained == Trained([1], [], [])
    assert erasure.erase(told, 2, by="lead", reason="asked").trained == Trained([], [], [])


def test_what_cannot_be_reached_is_said(told: Database) -> None:
    for name in ("backups/before-m002.db", "exports/pairs"):
        (told.folder / name).write_text("old")
    audit.note(told, actor="ann secretname", action="import", subject="import 1")
    said = erasure.erase(told, 1, by="lead", reason="asked").remains
    assert [words.split()[0] for words in said] == ["1", "backups/before-m002.db", "exports/pairs"]
    assert "name the person as who made them" in said[0]


def test_a_person_whose_name_is_erased_can_come_again_as_someone_new(told: Database, judge: Callable) -> None:
    erasure.erase(told, 1, by="lead", reason="asked")
    judge(told, 2, [1, 2], name="ann secretname")
    assert annotators.ensure(told, "ann secretname").id == 3
    assert len(judgments.live(told, annotator_id=1)) == 3


def test_an_answer_on_its_way_brings_no_words_back_and_one_sent_again_is_the_same(told: Database) -> None:
    ann = annotators.ensure(told, "ann secretname").id
    said = judgments.NewJudgment(4, ann, [1, 2], [0, 1], "sent twice", rationale="ann wrote this as well")
    stored = judgments.submit(told, said)
    erasure.erase(told, ann, by="lead", reason="asked")
    assert judgments.submit(told, said).id == stored.id
    with pytest.raises(InvalidInput, match="was erased"):
        judgments.submit(told, judgments.NewJudgment(4, ann, [2, 1], [0, 1], "late", rationale="ann wrote this late"))
    assert b"ann wrote" not in bytes_of(told)


@pytest.mark.parametrize("people", ["names", "pseudonyms"])
def test_an_export_from_before_brings_nothing_back_and_counts_nothing_twice(
    told: Database, judge: Callable, tmp_path: Path, people: str
) -> None:
    judge(told, 3, None, name="ann secretname", skipped="ann wrote why")
    exchange.export(told, "comparisons", tmp_path / "before", people=people)
    erasure.erase(told, 1, by="lead", reason="asked")
    rows, counted = told.rows("SELECT * FROM judgments"), judgments.count(told, skips=True)
    annotators.ensure(told, "ann secretname")  # who has come again as someone new
    report = exchange.import_file(told, tmp_path / "before" / "comparisons.jsonl", "comparisons")
    assert report.problems == [] and b"ann wrote" not in bytes_of(told)
    assert [row for row in told.rows("SELECT * FROM judgments") if row["annotator_id"] in (1, 3)] == [
        row for row in rows if row["annotator_id"] == 1
    ]
    assert judgments.count(told, skips=True) == counted + (people == "pseudonyms")


def test_an_import_that_comes_again_after_its_undo_stays_an_erased_persons(db: Database, tmp_path: Path) -> None:
    said = [{"annotator": name, "ranks": [1, 2], "rationale": f"{name} wrote"} for name in ("ann", "bob")]
    row = {"prompt": "Why?", "completions": [{"text": "One."}, {"text": "Two."}], "judgments": said}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    import_id = exchange.import_file(db, tmp_path / "rows.jsonl", "comparisons").import_id
    assert import_id is not None
    exchange.undo_import(db, import_id)
    erasure.erase(db, 1, by="lead", reason="asked")
    assert exchange.import_file(db, tmp_path / "rows.jsonl", "comparisons").brought["judgment"] == 2
    assert [one.rationale for one in judgments.live(db)] == [None, "bob wrote"]
    assert annotators.by_name(db, "ann") is None


def test_another_persons_answer_under_the_same_key_is_no_erased_one(db: Database, tmp_path: Path) -> None:
    def take(*said: dict[str, object]) -> None:
        row = {"id": "x", "prompt": "Why?", "completions": [{"text": "One."}, {"text": "Two."}], "judgments": said}
        (tmp_path / "rows.jsonl").write_text(json.dumps(row))
        exchange.import_file(db, tmp_path / "rows.jsonl", "comparisons")

    take({"annotator": "ann", "ranks": [1, 2], "key": "1"})
    erasure.erase(db, 1, by="lead", reason="asked")
    take({"annotator": "bob", "ranks": [2, 1], "key": "1", "rationale": "bob wrote"})
    assert [(one.annotator_id, one.rationale) for one in judgments.live(db)] == [(1, None), (2, "bob wrote")]


def test_a_name_that_someone_took_on_purpose_stops_no_erasure(told: Database) -> None:
    annotators.ensure(told, "erased-1")
    assert erasure.erase(told, 1, by="lead", reason="asked").name == "erased-1-"
    assert erasure.erase(told, 1, by="lead", reason="asked again").counts["judgments"] == 0


def test_a_reader_that_keeps_the_old_bytes_is_told_of(told: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.1)
    told.close()
    with Database.open(told.folder) as reader:
        reader.execute("BEGIN")
        reader.value("SELECT COUNT(*) FROM judgments")
        (said,) = erasure.erase(told, 1, by="lead", reason="asked").remains
        assert "a reader of the study keeps their bytes" in said
        reader.execute("COMMIT")
    assert erasure.erase(told, 1, by="lead", reason="asked").remains == []
    assert b"ann wrote" not in bytes_of(told)


@pytest.mark.parametrize(("person", "reason", "words"), [(9, "asked", "no annotator 9"), (1, " ", "needs a reason")])
def test_what_cannot_be_erased_is_refused(told: Database, person: int, reason: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        erasure.erase(told, person, by="lead", reason=reason)


def test_an_erasure_is_a_transaction_of_its_own(told: Database) -> None:
    with told.transaction(), pytest.raises(InvalidInput, match="part of another transaction"):
        erasure.erase(told, 1, by="lead", reason="asked")


def test_without_space_nothing_is_begun(told: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_folder, "SPARE_BYTES", 10**18)
    with pytest.raises(StoreUnavailable, match="too little space for writing the study's file anew"):
        erasure.erase(told, 1, by="lead", reason="asked")
    assert annotators.get(told, 1).name == "ann secretname"
