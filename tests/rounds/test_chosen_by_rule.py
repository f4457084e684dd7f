"""A sample run that chooses by rule: what was chosen says so, the rest is left to chance."""

import pytest

from feedback_store import comparisons, completions, features, runs
from rounds import refreshed_reward, studies
from rounds.choosing import POWER
from rounds.worker import Worker
from tests.rounds.small_study import judge_everything, new_study, start_run

pytestmark = pytest.mark.usefixtures("one_thread")


def test_pairs_are_chosen_once_there_are_judgments_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(refreshed_reward, "FIRST_RANDOM", 8)
    db = new_study(tmp_path / "study")
    studies.change_settings(db, choosing="information", choose_from=3)
    worker = Worker(tmp_path / "study", lease_seconds=5)
    worker.models.register_base()
    rule = {"choosing": "information", "choose_from": 3}
    start_run(db, "sample", pairs=12, **rule)
    worker.work(until_idle=True)
    assert {one.chosen_by for one in comparisons.listing(db)} == {"random"}, "nobody has judged anything yet"
    judge_everything(db, lambda text: text.count("e"))
    run = start_run(db, "sample", pairs=12, **rule)
    worker.work(until_idle=True)
    made = comparisons.listing(db, run_id=run.id)
    chosen = [one for one in made if one.chosen_by == "information"]
    assert len(chosen) == runs.get(db, run.id).result["chosen"] > 6
    assert {one.split for one in chosen} == {"train"}
    assert not any(one.is_random for one in chosen) and all(one.is_random for one in made if one not in chosen)
    norm = sum(rank**-POWER for rank in (1, 2, 3))
    allowed = [rank**-POWER / norm for rank in (1, 2, 3)]
    for one in chosen:
        assert one.score is not None and one.score >= 0
        assert any(one.probability == pytest.approx(value) for value in [*allowed, 1.0])
    assert len({one.prompt_id for one in chosen}) == len(chosen)
    assert features.count(db) >= len({one for pair in made for one in pair.completion_ids})
    assert len(completions.of_run(db, run.id)) <= 2 * len(made) + 24
