"""Filters narrow an export, and every row that they leave out is counted with its reason."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback_store import annotators, comparisons, exchange, incoming, judgments, majority, reliability, rounds, runs
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import ExportReport
from feedback_store.filters import NO_JUDGMENT, Filters
from judged_studies import LATER, Study, fill


@pytest.fixture
def judged(db: Database) -> Study:
    study = Study(db)
    easy = study.compare(tags=["easy", "short"], language="de", policy="p1")
    study.judge(easy, [1, 2])
    study.judge(easy, [1, 2], "bob", now=LATER)
    study.judge(easy, [2, 1], "cleo")
    hard = study.compare(tags=["short"], split="holdout", policy="p2")
    study.judge(hard, [1, 2], "bob")
    check = study.compare(purpose="check")
    study.judge(check, [2, 1])
    study.judge(check, [2, 1], "bob")
    rounds.begin_next(db, 1)
    study.compare()
    return study


def ids(db: Database, folder: Path, filters: Filters) -> tuple[list[int], ExportReport]:
    """The places of the comparisons that pass, and the report."""
    report = exchange.export(db, "comparisons", folder, filters=filters)
    places = {one.public_id: one.id for one in comparisons.listing(db)}
    rows = [json.loads(line) for line in (folder / "comparisons.jsonl").read_text().splitlines()]
    assert report.counts["comparisons"] == len(rows) + sum(report.left_out.values()) == len(places)
    said = sum(len(row["judgments"]) for row in rows)
    assert (
        report.counts["judgments"] == said + sum(report.judgments_left_out.values()) == judgments.count(db, skips=True)
    )
    return [places[row["id"]] for row in rows], report


@pytest.mark.parametrize(
    ("filters", "passing", "left_out", "judgments_left_out"),
    [
        (Filters(), [1, 2, 3, 4], {}, {}),
        (Filters(round=1), [1, 2, 3], {"filter: round": 1}, {}),
        (Filters(split="holdout"), [2], {"filter: split": 3}, {"filter: split": 5}),
        (Filters(purpose="check"), [3], {"filter: purpose": 3}, {"filter: purpose": 4}),
        (Filters(policy="p2"), [2], {"filter: policy": 3}, {"filter: policy": 5}),
        (Filters(language="de"), [1], {"filter: language": 3}, {"filter: language": 3}),
        (Filters(tags=("short",)), [1, 2], {"filter: tags": 2}, {"filter: tags": 2}),
        (Filters(tags=("short", "easy")), [1], {"filter: tags": 3}, {"filter: tags": 3}),
        (Filters(person="cleo"), [1], {NO_JUDGMENT: 3}, {"filter: person": 5}),
        (Filters(since="2026-11-24"), [1], {NO_JUDGMENT: 3}, {"filter: since": 5}),
        (Filters(until="2026-11-23"), [1, 2, 3], {NO_JUDGMENT: 1}, {"filter: until": 1}),
        (Filters(until="2026-11-25T10:00:00Z"), [1, 2, 3], {NO_JUDGMENT: 1}, {}),
        (Filters(agreement=0.7), [2, 3], {"filter: agreement": 2}, {"filter: agreement": 3}),
        (Filters(agreement=0.6), [1, 2, 3], {"filter: agreement": 1}, {}),
        (Filters(agreement=0.7, person="ann"), [1, 3], {NO_JUDGMENT: 2}, {"filter: person": 4}),
        (Filters(reliability=0.9), [1, 2, 3], {NO_JUDGMENT: 1}, {"filter: reliability": 1}),
        (Filters(round=1, split="train"), [1, 3], {"filter: round": 1, "filter: split": 1}, {"filter: split": 1}),
    ],
    ids=lambda value: value.words() if isinstance(value, Filters) else "",
)
def test_a_filter_leaves_out_what_it_says_and_counts_it(
    judged: Study,
    tmp_path: Path,
    filters: Filters,
    passing: list[int],
    left_out: dict[str, int],
    judgments_left_out: dict[str, int],
) -> None:
    found, report = ids(judged.db, tmp_path / "out", filters)
    assert (found, report.left_out, report.judgments_left_out) == (passing, left_out, judgments_left_out)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"split": "test"}, "allowed are train, holdout"), ({"purpose": "fun"}, "allowed are training"),
        ({"reliability": 1.5}, "from 0 to 1"), ({"agreement": -0.1}, "from 0 to 1"),
        ({"since": "monday"}, "2026-11-23"),
        ({"until": "2026-13-01"}, "2026-11-23"),
    ],
)  # fmt: skip
def test_a_value_that_is_not_allowed_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        Filters(**given)


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (Filters(round=9), "no round 9"), (Filters(policy="p9"), "no policy 'p9'"),
        (Filters(person="zoe"), "no person 'zoe'"), (Filters(snapshot=5), "Run 5 saw no judgments"),
    ],
)  # fmt: skip
def test_a_name_that_the_study_does_not_have_is_refused(
    judged: Study, tmp_path: Path, filters: Filters, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        exchange.export(judged.db, "trl", tmp_path / "out", filters=filters)
    assert not (tmp_path / "out").exists()


def test_prompts_know_only_the_filters_of_prompts(judged: Study, tmp_path: Path) -> None:
    report = exchange.export(judged.db, "prompts", tmp_path / "out", filters=Filters(tags=("short",)))
    assert (report.counts["kept"], report.left_out) == (2, {"filter: tags": 2})
    with pytest.raises(InvalidInput, match="The filter person does not apply to the format 'prompts'"):
        exchange.export(judged.db, "prompts", tmp_path / "two", filters=Filters(person="ann"))


def test_reliability_is_agreement_with_the_majority_of_the_others(judged: Study) -> None:
    name = {one.name: one.id for one in annotators.listing(judged.db)}
    # On the first ann and bob face an even split of the others; cleo is alone against both. On the third they agree.
    assert reliability.of_people(judged.db) == {name["ann"]: 1.0, name["bob"]: 1.0, name["cleo"]: 0.0}


def test_imports_without_people_have_no_reliability(db: Database, tmp_path: Path) -> None:
    study = Study(db)
    for _ in range(2):
        one = study.compare()
        study.judge(one, [1, 2], incoming.PSEUDO_ANNOTATOR)
        study.judge(one, [1, 2], "ann")
    assert reliability.of_people(db) == {}
    report = exchange.export(db, "trl", tmp_path / "out", filters=Filters(reliability=0.0))
    assert report.judgments_left_out == {"filter: reliability not known": 4}


def test_agreement_is_the_mean_over_the_pairs_of_a_ranking(db: Database) -> None:
    study = Study(db)
    one = study.compare(candidates=3)
    study.judge(one, [1, 2, 3])
    study.judge(one, [1, 3, 2], "bob")
    study.judge(one, None, "cleo", skipped="unclear")
    found = judgments.live(db)
    assert majority.agreement(found) == pytest.approx((1 + 1 + 0.5) / 3)
    assert majority.agreement(found[2:]) is None


def test_a_snapshot_is_what_the_run_saw_whatever_came_later(db: Database, compare: Callable, tmp_path: Path) -> None:
    study = fill(db)
    runs.enqueue(db, "train-reward", {})
    lease = runs.claim(db, "worker", lease_seconds=60)
    assert lease is not None
    seen = [one.id for one in judgments.live(db) if one.ranks]
    runs.snapshot(db, lease, seen)
    snapshot = Filters(snapshot=lease.run_id)
    first = exchange.export(db, "trl", tmp_path / "first", filters=snapshot)
    assert first.counts["judgments"] == len(seen)
    # Answers are changed, given anew and left out, and a comparison is withdrawn.
    study.judge(1, [2, 1])
    study.judge(compare(db, 1)[0], [1, 2])
    with db.transaction():
        db.execute("UPDATE comparisons SET withdrawn = 1 WHERE id = 2")
        person = db.value("SELECT id FROM annotators WHERE name = 'cleo'")
        db.execute("INSERT INTO exclusions (annotator_id, reason, at) VALUES (?, 'random', '')", [person])
    for format in ("trl", "judgments", "comparisons"):
        again = exchange.export(db, format, tmp_path / format, filters=snapshot)
        assert again.counts["judgments"] == len(seen)
    assert (tmp_path / "trl/SHA256SUMS").read_text() == (tmp_path / "first/SHA256SUMS").read_text()
    now = exchange.export(db, "trl", tmp_path / "now")
    assert (now.folder / "train.jsonl").read_bytes() != (first.folder / "train.jsonl").read_bytes()
