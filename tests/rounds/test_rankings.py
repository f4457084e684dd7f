"""Comparisons of four: sampled, ranked, trained on, exported; and texts that name their model, held back."""

import json

import pytest

from feedback_store import comparisons, completions, exchange, preferences, reward_models, runs
from feedback_store.completions import NewCompletion
from rounds.kinds import sample
from rounds.kinds.sample import Plan, PlannedPair, distinct, shuffled
from rounds.worker import Worker
from tests.rounds.small_study import judge_everything, new_study, start_run

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def study(tmp_path_factory, one_thread):
    """Six comparisons of four, ranked by commas, and a reward trained on them."""
    db = new_study(tmp_path_factory.mktemp("rankings") / "study")
    worker = Worker(db.folder, lease_seconds=5)
    worker.models.register_base()
    start_run(db, "sample", pairs=6, candidates=4)
    worker.work(until_idle=True)
    judge_everything(db, lambda text: text.count(",") - 0.01 * len(text))
    start_run(db, "train-reward")
    worker.work(until_idle=True)
    return db


def test_each_comparison_has_four_different_texts(study):
    made = comparisons.listing(study)
    assert len(made) == 7
    for one in made:
        texts = [each.text for each in completions.get(study, one.completion_ids)]
        assert len({" ".join(text.split()) for text in texts}) == 4


def test_a_ranking_of_four_trains_as_six_pairs_that_weigh_three(study):
    derived = preferences.derive(study)
    assert len(derived) == 7 * 6
    assert sum(one.weight for one in derived) == pytest.approx(7 * 3)


def test_a_reward_is_trained_on_rankings(study):
    assert [run.status for run in runs.listing(study)] == ["succeeded", "succeeded"]
    assert reward_models.latest(study) is not None


def test_rankings_are_exported(study, tmp_path):
    exchange.export(study, "trl", tmp_path / "pairs")
    exchange.export(study, "comparisons", tmp_path / "all")
    rows = [json.loads(line) for line in (tmp_path / "all/comparisons.jsonl").read_text().splitlines()]
    assert {len(row["completions"]) for row in rows} == {4}
    assert sorted(max(said["ranks"]) for row in rows for said in row["judgments"])[-1] > 2


def texts(*written: str) -> list[NewCompletion]:
    return [NewCompletion(1, 1 + place % 2, text) for place, text in enumerate(written)]


def test_of_equal_and_empty_texts_the_rest_is_compared():
    assert [one.text for one in distinct(texts("a", " a ", "", "b"))] == ["a", "b"]
    assert sample._fault(texts("a", "a", "b")) is None
    assert sample._fault(texts("a", " a\n")) == "equal"
    assert sample._fault(texts("a", "")) == "empty"


def test_places_do_not_tell_which_policy_wrote_a_text():
    plan = Plan(2, 1, 7, 2, [], [])
    first = [shuffled(texts("new", "old"), plan, PlannedPair(1, index, True, False))[0].text for index in range(200)]
    assert 70 < first.count("new") < 130


def test_a_text_that_names_its_model_is_held_back(tmp_path, monkeypatch):
    drawn = sample.draw

    def naming(context, requests):
        """The first text of each batch says who wrote it."""
        made = drawn(context, requests)
        return [NewCompletion(**{**vars(made[0]), "text": "I am ChatGPT. " + made[0].text}), *made[1:]]

    monkeypatch.setattr(sample, "draw", naming)
    with new_study(tmp_path / "study") as db:
        worker = Worker(db.folder, lease_seconds=5)
        worker.models.register_base()
        run = start_run(db, "sample", pairs=6)
        worker.work(until_idle=True)
        result = runs.get(db, run.id).result
        held = [one for one in comparisons.listing(db) if one.held_back]
        assert len(held) == result["held_back"] > 0
        assert comparisons.counts(db).ready == result["comparisons"] - result["held_back"]
        assert judge_everything(db, len) == result["comparisons"] - result["held_back"]
