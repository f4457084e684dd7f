"""Who withdraws is in no snapshot and no export from then on; their words are gone; what was trained is named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import (
    annotators,
    audit,
    consents,
    erasure,
    exchange,
    exclusions,
    flags,
    information_texts,
    judgments,
    preferences,
    questions,
    reward_models,
    runs,
    sessions,
    snapshots,
    withdrawal,
)
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.provenance import Trained

NOW = "2026-11-23T10:00:00.000Z"
LATER = "2026-11-24T10:00:00.000Z"


@pytest.fixture
def told(db: Database, compare: Callable, judge: Callable) -> Database:
    """Ann and Bob judged two pairs each, with words, and a reward model was trained on it."""
    information_texts.add(db, "Your answers train a model.", now=NOW)
    for comparison in compare(db, 2):
        for name in ("ann", "bob"):
            judge(db, comparison, [1, 2], name=name, rationale=f"{name} wrote this", improved=None)
    flags.add(db, 1, annotator_id=1, note="ann wrote a note", now=NOW)
    consents.give(db, 1, 1, now=NOW)
    runs.enqueue(db, "train-reward", {}, now=NOW)
    lease = runs.claim(db, "worker", lease_seconds=60, now=NOW)
    assert lease is not None
    runs.snapshot(db, lease, [1, 2, 3, 4])
    about = {"base_sha256": "a" * 64, "manifest_sha256": "b" * 64, "metrics": {}}
    reward_models.publish(db, lease, folder="models/reward-1", now=NOW, **about)
    return db


def trained_on(db: Database) -> set[int]:
    return {one.annotator_id for one in preferences.derive(db)}


def test_from_then_on_they_are_in_no_snapshot_and_no_export(told: Database, tmp_path: Path) -> None:
    assert trained_on(told) == {1, 2}
    withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
    assert trained_on(told) == {2}
    for name, format in (("pairs", "trl"), ("table", "judgments"), ("all", "comparisons")):
        exchange.export(told, format, tmp_path / name)
    assert '"annotator":"bob"' in (tmp_path / "all" / "comparisons.jsonl").read_text()
    assert "ann" not in (tmp_path / "all" / "comparisons.jsonl").read_text().replace("annotator", "")
    assert len((tmp_path / "table" / "train.csv").read_text().splitlines()) == 1 + 2
    assert "| its author withdrew | 2 |" in (tmp_path / "all" / "README.md").read_text()


def test_who_withdraws_while_a_snapshot_is_read_is_not_in_it(told: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.enqueue(told, "train-reward", {}, now=NOW)
    lease = runs.claim(told, "worker", lease_seconds=60)
    assert lease is not None
    derive = preferences.derive

    def slowly(db: Database) -> list[preferences.Preference]:
        found = derive(db)
        withdrawal.withdraw(db, 1, by="annotator 1")
        return found

    monkeypatch.setattr(preferences, "derive", slowly)
    assert snapshots.take(told, lease) == [2, 4] == list(runs.judgments_of(told, lease.run_id))


def test_an_answer_that_is_changed_while_a_snapshot_is_read_is_in_it_once_at_most(
    told: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.enqueue(told, "train-reward", {}, now=NOW)
    lease = runs.claim(told, "worker", lease_seconds=60)
    assert lease is not None
    derive = preferences.derive
    before = {one.judgment_id for one in derive(told)}

    def slowly(db: Database) -> list[preferences.Preference]:
        found = derive(db)
        judgments.undo(db, 2, "undo")
        return [*found, *derive(db)]

    monkeypatch.setattr(preferences, "derive", slowly)
    taken = snapshots.take(told, lease)
    assert set(taken) < before
    assert set(taken) == {one.judgment_id for one in derive(told)}


def test_their_words_are_gone_from_the_bytes_and_their_name_stays(told: Database) -> None:
    done = withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
    assert (done.counts["judgments"], done.counts["flags"], done.bytes_left) == (2, 1, False)
    left = b"".join(path.read_bytes() for path in told.folder.rglob("*") if path.is_file())
    assert b"ann wrote" not in left
    assert b"bob wrote" in left
    assert annotators.get(told, 1).name == "ann"
    assert told.value("SELECT COUNT(*) FROM judgments WHERE annotator_id = 1") == 2
    (erased,) = told.rows("SELECT annotator_id, reason, done_at FROM erasures")
    assert erased == {"annotator_id": 1, "reason": withdrawal.REASON, "done_at": LATER}
    assert "withdraw" in [entry.action for entry in audit.listing(told)]


def test_they_read_what_was_trained_on_them_and_are_asked_nothing(told: Database) -> None:
    token = sessions.begin(told, 1, seconds=10**6, now=NOW)
    (told.folder / "backups" / "old.db").write_text("old")
    assert withdrawal.of(told, 1) is None
    done = withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
    assert done.trained == Trained([1], ["reward-1"], [])
    assert withdrawal.of(told, 1) == done
    assert done.old_copies == 1
    assert sessions.current(told, token, now=LATER) is not None
    assert consents.in_force(told, 1) == []
    assert annotators.get(told, 1).paused_why == "withdrawn"
    assert questions.next_questions(told, 1, limit=1, now=LATER).questions == []


def test_withdrawing_again_changes_nothing(told: Database) -> None:
    done = withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
    entries = audit.listing(told)
    assert withdrawal.withdraw(told, 1, by="annotator 1") == done
    assert audit.listing(told) == entries


def test_what_is_still_on_its_way_is_refused(told: Database, judge: Callable, compare: Callable) -> None:
    (other,) = compare(told, 1, first=5)
    withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
    with pytest.raises(InvalidInput, match="You withdrew from this study"):
        judge(told, other, [1, 2], name="ann", rationale="ann wrote more")
    with pytest.raises(InvalidInput, match="You withdrew from this study"):
        flags.add(told, other, annotator_id=1, note="ann wrote more")


def test_an_old_export_brings_nothing_of_theirs_back(told: Database, tmp_path: Path, fresh: Callable) -> None:
    exchange.export(told, "comparisons", tmp_path / "old")
    other = fresh()
    annotators.ensure(other, "ann")
    withdrawal.withdraw(other, 1, by="annotator 1", now=LATER)
    report = exchange.import_file(other, tmp_path / "old" / "comparisons.jsonl", "comparisons")
    assert ["'ann' withdrew from this study" in problem.reason for problem in report.problems] == [True, True]
    assert other.value("SELECT COUNT(*) FROM judgments") == 0


def test_nobody_else_takes_it_back(told: Database) -> None:
    withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
    annotators.pause(told, 1)
    with pytest.raises(InvalidInput, match="Only they can come back"):
        annotators.resume(told, 1)
    with pytest.raises(InvalidInput, match="Only they can come back"):
        exclusions.take_back(told, annotator_id=1, by="lead")
    assert trained_on(told) == {2}


def test_they_come_back_by_themselves_and_their_answers_count_again_without_the_words(told: Database) -> None:
    withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
    assert withdrawal.come_back(told, 1, by="annotator 1")
    assert not withdrawal.come_back(told, 1, by="annotator 1")
    assert trained_on(told) == {1, 2}
    needed = consents.needed(told, 1)
    assert needed is not None
    assert needed.version == 1
    assert withdrawal.of(told, 1) is None
    assert told.value("SELECT COUNT(rationale) FROM judgments WHERE annotator_id = 1") == 0


def test_who_was_left_out_before_stays_left_out_when_they_come_back(told: Database) -> None:
    exclusions.leave_out(told, annotator_id=1, reason="clicked left only", by="lead")
    withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
    withdrawal.come_back(told, 1, by="annotator 1")
    assert trained_on(told) == {2}


@pytest.mark.parametrize("why", [None, "checks"])
def test_who_was_paused_before_is_paused_when_they_come_back(told: Database, why: str | None) -> None:
    annotators.pause(told, 1, NOW, why=why)
    for _ in range(2):
        withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
        withdrawal.come_back(told, 1, by="annotator 1")
        person = annotators.get(told, 1)
        assert (person.paused_at, person.paused_why) == (NOW, why)
    annotators.resume(told, 1)
    withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
    withdrawal.come_back(told, 1, by="annotator 1")
    assert annotators.get(told, 1).paused_at is None, "a pause that was lifted does not come again"


def test_an_undo_after_it_is_refused_and_holds_nothing(told: Database) -> None:
    undone = judgments.undo(told, 1, "before", now=NOW)
    withdrawal.withdraw(told, 1, by="annotator 1", now=LATER)
    rows = told.value("SELECT COUNT(*) FROM judgments")
    with pytest.raises(InvalidInput, match="You withdrew from this study"):
        judgments.undo(told, 1, "after", now=LATER)
    assert judgments.undo(told, 1, "before", now=LATER) == undone, "the same undo again is the same"
    assert told.value("SELECT COUNT(*) FROM judgments") == rows
    assert told.value("SELECT COUNT(*) FROM assignments WHERE ended_at IS NULL") == 0


def test_an_erased_person_cannot_withdraw(told: Database) -> None:
    erasure.erase(told, 1, by="admin", reason="asked")
    with pytest.raises(InvalidInput, match="was erased already"):
        withdrawal.withdraw(told, 1, by="annotator 1")
