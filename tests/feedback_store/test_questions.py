"""The next question: leases with expiry, renewal, races, and the reasons for having none."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import annotators, clock, comparisons, completions, judgments, policies, prompts, questions, runs
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment, submit
from feedback_store.prompts import NewPrompt
from feedback_store.questions import next_questions

NOW = "2026-11-23T10:00:00.000Z"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def ann(db: Database) -> int:
    return annotators.ensure(db, "ann").id


@pytest.fixture
def bob(db: Database) -> int:
    return annotators.ensure(db, "bob").id


def asked(db: Database, annotator_id: int, **fields: object) -> list[int]:
    batch = next_questions(db, annotator_id, **{"now": NOW, **fields})  # type: ignore[arg-type]
    return [comparisons.get(db, one.comparison_public_id).id for one in batch.questions]


def answer(db: Database, comparison: int, annotator_id: int, now: str = NOW) -> judgments.Judgment:
    return submit(
        db, NewJudgment(comparison, annotator_id, [1, 2], [0, 1], f"{comparison}-{annotator_id}-{now}"), now=now
    )


def test_questions_come_in_order_and_to_one_person_only(db: Database, compare: Callable, ann: int, bob: int) -> None:
    ids = compare(db, 5)
    assert asked(db, ann) == ids[:3]
    assert asked(db, bob) == ids[3:]
    assert next_questions(db, annotators.ensure(db, "eve").id, now=NOW).state == "others_hold"


def test_higher_priority_comes_first(db: Database, compare: Callable, ann: int) -> None:
    plain = compare(db, 2)
    held = comparisons.get(db, plain[0])
    urgent = comparisons.add(db, [NewComparison(held.prompt_id, held.completion_ids, priority=5)])
    assert asked(db, ann, limit=2) == [urgent[0], plain[0]]


def test_whoever_chooses_gives_the_order(db: Database, compare: Callable, ann: int) -> None:
    ids = compare(db, 4)
    assert asked(db, ann, limit=2, comparison_ids=[ids[3], ids[1], ids[0]]) == [ids[3], ids[1]]


def test_a_question_shows_texts_in_the_drawn_order_and_no_policy(db: Database, ann: int) -> None:
    author = policies.external(db, "author").id
    prompt_id = prompts.add(db, [NewPrompt(prompts.from_text("Why?"))], holdout_share=0, seed=0).ids[0]
    texts = [("A", "stop"), ("B", "length")]
    ids = completions.add(db, [NewCompletion(prompt_id, author, text, finish_reason=end) for text, end in texts])
    comparisons.add(db, [NewComparison(prompt_id, ids)])
    [question] = next_questions(db, ann, now=NOW).questions
    assert question.prompt == [{"role": "user", "content": "Why?"}]
    assert [(one.text, one.cut_off) for one in question.completions] == [
        (texts[place][0], texts[place][1] == "length") for place in question.shown
    ]
    assert question.number_left == 1
    assert "author" not in repr(question)
    assert questions.shown_to(db, ann, question.comparison_public_id) == question.shown


def test_the_order_of_the_sides_is_seeded_and_even(db: Database, compare: Callable, ann: int, bob: int) -> None:
    compare(db, 200)
    first = {
        one.comparison_public_id: one.shown for one in next_questions(db, ann, limit=200, seed=3, now=NOW).questions
    }
    on_the_left = Counter(shown[0] for shown in first.values())
    assert 70 <= on_the_left[0] <= 130
    for public_id in first:
        questions.give_back(db, ann, public_id, now=NOW)
    again = {
        one.comparison_public_id: one.shown for one in next_questions(db, ann, limit=200, seed=3, now=NOW).questions
    }
    assert again == first


def test_asking_again_renews_the_same_questions(db: Database, compare: Callable, ann: int, bob: int) -> None:
    ids = compare(db, 4)
    first = next_questions(db, ann, now=NOW, lease_seconds=60)
    later = clock.after(NOW, 59)
    again = next_questions(db, ann, now=later, lease_seconds=60)
    assert [one.comparison_public_id for one in again.questions] == [
        one.comparison_public_id for one in first.questions
    ]
    assert [one.shown for one in again.questions] == [one.shown for one in first.questions]
    assert again.questions[0].lease_expires_at == clock.after(later, 60)
    assert asked(db, bob, now=clock.after(NOW, 61)) == ids[3:]


def test_an_expired_lease_is_free_and_its_late_answer_kept(db: Database, compare: Callable, ann: int, bob: int) -> None:
    [comparison] = compare(db)
    assert asked(db, ann, lease_seconds=60) == [comparison]
    later = clock.after(NOW, 60)
    assert asked(db, bob, now=later) == [comparison]
    late = answer(db, comparison, ann, now=clock.after(NOW, 70))
    assert late.late
    in_time = answer(db, comparison, bob, now=clock.after(NOW, 80))
    assert not in_time.late
    assert judgments.live(db) == [late, in_time]
    assert comparisons.get(db, comparison).answers == 2


def test_an_answer_after_expiry_is_late_even_where_nobody_took_it(db: Database, compare: Callable, ann: int) -> None:
    [comparison] = compare(db)
    asked(db, ann, lease_seconds=60)
    assert answer(db, comparison, ann, now=clock.after(NOW, 61)).late
    assert next_questions(db, ann, now=NOW).state == "all_done"


def test_an_answer_within_the_lease_or_without_any_is_not_late(
    db: Database, compare: Callable, ann: int, bob: int
) -> None:
    one, two = compare(db, 2)
    asked(db, ann, limit=1)
    assert not answer(db, one, ann).late
    assert not answer(db, two, bob).late


def test_an_expired_lease_that_nobody_took_is_renewed(db: Database, compare: Callable, ann: int) -> None:
    ids = compare(db, 2)
    assert asked(db, ann, limit=1, lease_seconds=60) == ids[:1]
    assert asked(db, ann, limit=1, now=clock.after(NOW, 100)) == ids[:1]


def test_a_question_given_back_goes_to_others(db: Database, compare: Callable, ann: int, bob: int) -> None:
    [comparison] = compare(db)
    asked(db, ann)
    public_id = comparisons.get(db, comparison).public_id
    assert questions.give_back(db, ann, public_id, now=NOW)
    assert not questions.give_back(db, ann, public_id, now=NOW)
    assert asked(db, bob) == [comparison]


def test_nobody_is_asked_what_they_answered(db: Database, ann: int, bob: int, compare: Callable) -> None:
    [first] = compare(db)
    held = comparisons.get(db, first)
    [shared] = comparisons.add(db, [NewComparison(held.prompt_id, held.completion_ids, overlap=2)])
    assert asked(db, ann) == [first, shared]
    answer(db, shared, ann)
    assert asked(db, ann) == [first]
    assert asked(db, bob) == [shared]


def test_with_overlap_leases_and_answers_together_stay_within_it(db: Database, compare: Callable) -> None:
    held = comparisons.get(db, compare(db)[0])
    [shared] = comparisons.add(db, [NewComparison(held.prompt_id, held.completion_ids, overlap=3, priority=1)])
    people = [annotators.ensure(db, f"p{number}").id for number in range(5)]
    got = [asked(db, person, limit=1) == [shared] for person in people[:2]]
    answer(db, shared, people[0])
    got += [asked(db, person, limit=1) == [shared] for person in people[2:]]
    assert got == [True, True, True, False, False]


def test_the_reasons_for_no_question_are_told_apart(db: Database, compare: Callable, ann: int, bob: int) -> None:
    assert next_questions(db, ann, now=NOW).state == "none_yet"
    [comparison] = compare(db)
    asked(db, bob)
    assert next_questions(db, ann, now=NOW).state == "others_hold"
    answer(db, comparison, bob)
    assert next_questions(db, ann, now=NOW).state == "all_done"
    run = runs.enqueue(db, "sample", {})
    assert next_questions(db, ann, now=NOW).state == "none_yet"
    runs.cancel(db, run.id)
    assert next_questions(db, ann, now=NOW).state == "all_done"


def test_number_left_counts_down(db: Database, compare: Callable, ann: int, bob: int) -> None:
    compare(db, 7)
    asked(db, bob, limit=2)
    assert [one.number_left for one in next_questions(db, ann, limit=3, now=NOW).questions] == [5, 4, 3]


def test_counts_tell_ready_leased_and_judged_by_split(db: Database, compare: Callable, ann: int) -> None:
    compare(db, 3)
    compare(db, 1, split="holdout")
    asked(db, ann, limit=2)
    answer(db, 1, ann)
    counts = comparisons.counts(db, now=NOW)
    assert (counts.ready, counts.leased, counts.judged, counts.total) == (2, 1, 1, 4)
    assert [(one.split, one.ready, one.leased, one.judged) for one in counts.slices] == [
        ("holdout", 1, 0, 0),
        ("train", 1, 1, 1),
    ]
    assert comparisons.counts(db, round_id=99, now=NOW).total == 0


RACING = """
import json, sys
from feedback_store.database import Database
from feedback_store.questions import next_questions

db = Database.open(sys.argv[1])
sys.stdin.readline()
got = []
for limit in (3, 5, 7, 9):
    got += [one.comparison_public_id for one in next_questions(db, int(sys.argv[2]), limit=limit).questions]
print(json.dumps(sorted(set(got))))
"""


def test_processes_that_race_never_get_the_same_question(db: Database, compare: Callable) -> None:
    compare(db, 30)
    people = [annotators.ensure(db, f"p{number}").id for number in range(4)]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACING, str(db.folder), str(person)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
        )
        for person in people
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    taken = [public_id for racer in racers for public_id in json.loads(racer.communicate()[0])]
    assert len(taken) == 30
    assert set(Counter(taken).values()) == {1}


def test_the_next_question_is_found_by_index(db: Database, compare: Callable, ann: int) -> None:
    where = f"{questions._FREE} AND {questions._NOT_ANSWERED} ORDER BY c.priority DESC, c.id LIMIT 3"
    plan = db.rows(f"EXPLAIN QUERY PLAN SELECT c.id FROM comparisons c WHERE {where}", {"annotator": ann, "now": NOW})
    details = " ".join(row["detail"] for row in plan)
    assert "comparisons_askable" in details
    assert "TEMP B-TREE" not in details
    assert "SCAN j" not in details
    assert "SCAN a" not in details
