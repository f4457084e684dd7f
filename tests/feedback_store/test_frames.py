"""A study as pandas frames."""

from collections.abc import Callable

import pytest

from feedback_store import agreement, annotators, comparisons, completions, frames, policies, prompts, runs
from feedback_store import win_rates as winning
from feedback_store import work as working
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.prompts import NewPrompt


def test_a_read_only_study_gives_frames(db: Database, compare: Callable, judge: Callable) -> None:
    one, two, _ = compare(db, 3)
    judge(db, one, [1, 2], milliseconds=900)
    judge(db, two, None, name="bob", skipped="unclear")
    run = runs.enqueue(db, "train-reward", {})
    lease = runs.claim(db, "worker", lease_seconds=60)
    assert lease is not None
    runs.add_metrics(db, lease, "train", 1, {"loss": 0.5})
    with Database.open(db.folder, readonly=True) as study:
        said = frames.judgments(study)
        assert said["annotator"].tolist() == ["ann", "bob"]
        assert said["skipped"].tolist()[1] == "unclear"
        assert said["ranks"].tolist()[0] == [1, 2]
        assert said["completion_ids"].tolist() == [[1, 2], [3, 4]]
        assert said["policies"].tolist() == [["author", "author"]] * 2
        assert said["round"].tolist() == [1, 1]
        assert said["counted"].tolist() == [True, True]
        assert frames.comparisons(study)["answers"].tolist() == [1, 1, 0]
        assert frames.metrics(study, run.id)[["series", "step", "loss"]].values.tolist() == [["train", 1, 0.5]]
        (preference,) = frames.preferences(study).to_dict("records")
        assert (preference["first_id"], preference["outcome"], preference["weight"]) == (1, "first", 1.0)


def test_a_person_who_is_left_out_is_there_but_not_counted(db: Database, compare: Callable, judge: Callable) -> None:
    for comparison, name in zip(compare(db, 2), ("ann", "bob"), strict=True):
        judge(db, comparison, [1, 2], name=name)
    person = annotators.ensure(db, "ann").id
    db.execute("INSERT INTO exclusions (annotator_id, reason, at) VALUES (?, 'test', '')", [person])
    assert frames.judgments(db)["counted"].tolist() == [False, True]


def test_an_author_of_imported_texts_is_told_from_a_policy_of_the_same_name(based: Database, judge: Callable) -> None:
    prompt_id = prompts.add_one(based, NewPrompt(prompts.from_text("Tea?")), holdout_share=0.0, seed=0)[0]
    base = policies.current(based)
    assert base is not None
    authors = [base.id, policies.external(based, "base").id, policies.external(based, "other").id]
    texts = [NewCompletion(prompt_id, author, f"Text {author}.") for author in authors]
    comparison = comparisons.add(based, [NewComparison(prompt_id, completions.add(based, texts))])[0]
    judge(based, comparison, [1, 2, 2])
    assert frames.judgments(based)["policies"].tolist() == [["base", "base (imported)", "other"]]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_no_number_stumbles_over_a_study_that_has_just_begun(
    db: Database, compare: Callable, judge: Callable, number: int
) -> None:
    for comparison in compare(db, number):
        judge(db, comparison, [1, 2])
    said = frames.judgments(db)
    assert len(said) == len(frames.preferences(db)) == len(frames.comparisons(db)) == number
    assert agreement.agreement(said)["pairs"].tolist() == [0, 0, 0]
    assert agreement.agreement(said)["value"].isna().all()
    assert len(winning.win_rates(said)) == 0
    assert working.pace(said)["judgments"].sum() == number
    assert working.by_person_and_day(said)["judgments"].sum() == number
    runs.enqueue(db, "sample", {})
    assert frames.metrics(db, 1).columns.tolist() == ["series", "step", "at"]
