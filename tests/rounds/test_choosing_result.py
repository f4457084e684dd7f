"""A study's own judgments tell whether choosing pays; too few tell nothing."""

from collections.abc import Iterator

import pytest

import featured_study
from feedback_store import comparisons, completions, policies, prompts
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.prompts import NewPrompt
from rounds import choosing_result, studies


@pytest.fixture
def db(tmp_path) -> Iterator[Database]:
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True, refill=False) as db:
        yield db


def hold_out(db: Database, pairs: int) -> None:
    """Held-out pairs, judged as the others are."""
    base = policies.base(db)
    new = [NewPrompt(prompts.from_text(f"Tested {number}?"), split="holdout") for number in range(pairs)]
    for number, prompt_id in enumerate(prompts.add(db, new, holdout_share=0.2, seed=0).ids):
        texts = [NewCompletion(prompt_id, base.id, f"{number} {'x' * (1 + side + number % 5)}") for side in (0, 1)]
        (made,) = comparisons.add(db, [NewComparison(prompt_id, completions.add(db, texts))])
        featured_study.judge(db, made)


def chosen(db: Database, made: list[int]) -> None:
    for one in made:
        db.execute("UPDATE comparisons SET chosen_by = 'information', is_random = 0 WHERE id = ?", [one])


def test_what_teaches_the_taste_beats_what_teaches_its_opposite(db, monkeypatch):
    groups: list[list[str]] = []
    interval = choosing_result.mean_interval

    def looked_at(amounts, weights, own, **least):
        groups.append(own)
        return interval(amounts, weights, own, **least)

    monkeypatch.setattr(choosing_result, "mean_interval", looked_at)
    made = featured_study.fill(db, 60)
    hold_out(db, 30)
    featured_study.keep_features(db)
    chosen(db, made[:35])
    for place, one in enumerate(made):
        featured_study.judge(db, one, likes=1 if place < 35 else -1)
    found = choosing_result.compare(db)
    assert (found["rule"], found["judgments"], found["pairs"]) == ("information", 25, 30)
    held_out = [str(one.prompt_id) for one in comparisons.listing(db) if one.split == "holdout"]
    assert sorted(groups[0]) == sorted(held_out), "the interval draws prompts"
    assert found["chosen"] > 0.8 and found["random"] < 0.4
    assert 0 < found["low"] <= found["chosen"] - found["random"] <= found["high"]
    picked = comparisons.listing(db)[-4:]  # as an import may bring them
    assert {one.split for one in picked} == {"holdout"}
    chosen(db, [one.id for one in picked])
    assert choosing_result.compare(db)["pairs"] == 26, "what was picked is no sample to measure on"


def test_nothing_is_said_without_chosen_pairs_or_with_too_few(db, monkeypatch):
    made = featured_study.fill(db, 45)
    featured_study.keep_features(db)
    for one in made:
        featured_study.judge(db, one)
    assert choosing_result.compare(db) is None, "nothing was chosen"
    chosen(db, made[:22])
    assert choosing_result.compare(db) is None, "nothing is held out"
    hold_out(db, 30)
    featured_study.keep_features(db)
    assert choosing_result.compare(db)["judgments"] == 22
    assert 0 < choosing_result.compare(db)["high"] < 1
    with monkeypatch.context() as patch:
        patch.setattr(choosing_result, "mean_interval", lambda *_, **__: (None, None))
        assert choosing_result.compare(db) is None, "held-out pairs of one prompt have no interval"
    db.execute("UPDATE comparisons SET chosen_by = 'random' WHERE id = ?", [made[0]])
    db.execute("UPDATE comparisons SET chosen_by = 'random' WHERE id = ?", [made[1]])
    db.execute("UPDATE comparisons SET chosen_by = 'random' WHERE id = ?", [made[2]])
    assert choosing_result.compare(db) is None, "nineteen are too few"
