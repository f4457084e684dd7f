"""What a reward is measured on: pairs that chance drew, also where an import brings others."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from feedback_store import comparisons, preferences, prompts, reward_models, run_records
from rounds import studies
from rounds.kinds import train_reward
from rounds.loop_state import HOLDOUT_SERIES
from rounds.worker import Worker
from tests.rounds.small_study import judge_everything, new_study, start_run

pytestmark = pytest.mark.usefixtures("one_thread")


def test_pairs_that_were_picked_train_and_no_figure_of_the_reward_is_of_them(tmp_path):
    db = new_study(tmp_path / "study")
    worker = Worker(tmp_path / "study", lease_seconds=60)
    worker.models.register_base()
    start_run(db, "sample", pairs=12, holdout_questions=0.25)
    worker.work(until_idle=True)
    judge_everything(db, lambda text: text.count(",") - 0.01 * len(text))
    made = comparisons.listing(db)
    picked = {next(one.id for one in made if one.split == split) for split in ("train", "holdout")}
    db.execute("UPDATE comparisons SET chosen_by = 'information', is_random = 0 WHERE id IN (?, ?)", [*picked])
    run = start_run(db, "train-reward", reward__epochs=0, reference_samples=4)
    worker.work(until_idle=True)
    report = reward_models.latest(db).metrics
    said = preferences.derive(db)
    drawn = [one for one in said if one.comparison_id not in picked]
    held_out = [one for one in drawn if one.split == "holdout"]
    assert len(said) == len(drawn) + 2 and 0 < len(held_out) < len(drawn)
    assert report["training"]["pairs"] == sum(one.split == "train" for one in said)
    assert report["holdout"]["pairs"] == len(held_out)
    assert report["cross_fitted"]["pairs"] == len(drawn)
    known = {prompt.id: prompt for prompt in prompts.listing(db)}
    edited = replace(next(one for one in drawn if one.split == "train"), first_id=None, improved="Better so.")
    pairs = train_reward._pairs(SimpleNamespace(db=db, study=studies.settings(db)), [*said, edited], known)
    for pair, one in zip(pairs, said, strict=False):
        assert pair.group == known[one.prompt_id].group, "pairs of a prompt are never split"
        assert (pair.holdout, pair.at_random) == (one.split == "holdout", one.comparison_id not in picked)
    assert pairs[-1].first.completion == "Better so." and not pairs[-1].at_random, "no policy wrote it"
    [rows] = run_records.metrics(db, run.id, HOLDOUT_SERIES)
    assert rows.values["judgments"] == [one.judgment_id for one in held_out]
    assert len(rows.values["differences"]) == len(held_out)
