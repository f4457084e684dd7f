"""Texts that were drawn otherwise than the study draws now are not taken for ones of now."""

from typing import Any

import pytest

from feedback_store import completions, policies, study_settings
from feedback_store.completions import Completion
from rounds import estimating, latest_taste, studies
from rounds.drawn_alike import draw_seed, draw_seeds
from rounds.worker import Worker
from tests.rounds.small_study import new_study, start_run

WAYS: list[dict[str, Any]] = [
    {"sampling": {"temperature": 1.5, "max_new_tokens": 16, "batch_size": 64}},
    {"system_prompt": "Reply in one word."},
]


@pytest.fixture
def worker(tmp_path) -> Worker:
    folder = tmp_path / "study"
    new_study(folder)
    worker = Worker(folder, lease_seconds=5)
    worker.models.register_base()
    return worker


def evaluated(worker: Worker) -> set[int]:
    """The completions of an evaluation of the base, by its default seed."""
    db = worker.db
    before = {one.id for one in completions.listing(db, policy_id=1)}
    start_run(db, "evaluate", policies=["base"], prompts=2, samples=1)
    worker.work(until_idle=True)
    return {one.id for one in completions.listing(db, policy_id=1)} - before


@pytest.mark.parametrize("changed", WAYS)
def test_an_evaluation_draws_anew_once_the_study_draws_otherwise_and_knows_its_texts_again(worker, changed):
    db, first = worker.db, studies.settings(worker.db)
    assert len(evaluated(worker)) == 2
    assert evaluated(worker) == set()
    asked = {"seed": 0, "split": "holdout", "prompts": 2, "samples": 1}
    assert estimating._texts_there(db, asked, ["base"]) == 2
    studies.change_settings(db, **changed)
    assert estimating._texts_there(db, asked, ["base"]) == 0
    new = evaluated(worker)
    assert len(new) == 2
    (said,) = {one.sampling["temperature"] for one in completions.get(db, sorted(new)) if one.sampling}
    assert said == studies.settings(db).sampling.temperature
    assert evaluated(worker) == set()
    studies.change_settings(db, sampling=first.sampling.model_dump(), system_prompt=first.system_prompt)
    assert evaluated(worker) == set(), "as at the beginning"


@pytest.mark.parametrize("changed", WAYS)
def test_zero_and_unit_of_a_reward_are_those_of_texts_of_now(worker, changed, monkeypatch):
    from rounds import reference_samples

    db = worker.db
    base = policies.base(db)
    assert base is not None
    seen: list[list[Completion]] = []

    def told(context: Any) -> dict[str, Any]:
        found = reference_samples.reference_samples(context, 6, base, stored=50)
        seen.append([one for _, one in found])
        return {}

    monkeypatch.setattr("rounds.kinds.sample.run", told)
    for _ in range(2):
        start_run(db, "sample", pairs=2)
        worker.work(until_idle=True)
    studies.change_settings(db, **changed)
    start_run(db, "sample", pairs=2)
    worker.work(until_idle=True)
    before, again, after = ({one.id for one in found} for found in seen)
    assert before == again
    assert not before & after
    assert all(
        one.sampling and one.sampling["temperature"] == studies.settings(db).sampling.temperature for one in seen[2]
    )


def test_seeds_are_what_was_asked_until_the_study_draws_otherwise(worker):
    db = worker.db
    assert draw_seed(db, studies.settings(db), 7) == 7
    studies.change_settings(db, refill=False)
    assert draw_seed(db, studies.settings(db), 7) == 7, "nothing about how texts are drawn"
    studies.change_settings(db, system_prompt="Other.")
    other = draw_seed(db, studies.settings(db), 7)
    assert other != 7
    study_settings.put(db, studies.SETTING, {**studies.settings(db).model_dump(mode="json"), "of_before": 1})
    assert draw_seeds(db, 7) == [other, 7], "also with settings that a version before had"


def test_the_taste_shown_is_of_the_newest_texts(worker):
    db = worker.db
    start_run(db, "sample", pairs=2)
    worker.work(until_idle=True)
    before = {one.id for one in latest_taste._samples(db)}
    assert before
    studies.change_settings(db, system_prompt="Other.")
    assert {one.id for one in latest_taste._samples(db)} == before, "until there are new ones"
    start_run(db, "sample", pairs=2)
    worker.work(until_idle=True)
    now = {one.id for one in latest_taste._samples(db)}
    assert len(now) == len(before) and not now & before
