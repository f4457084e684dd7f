"""A study as pandas frames."""

from collections.abc import Callable

from feedback_store import frames, runs
from feedback_store.database import Database


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
        assert frames.comparisons(study)["answers"].tolist() == [1, 1, 0]
        assert frames.metrics(study, run.id)[["series", "step", "loss"]].values.tolist() == [["train", 1, 0.5]]


def test_an_empty_study_gives_empty_frames(db: Database) -> None:
    assert len(frames.judgments(db)) == len(frames.comparisons(db)) == 0
