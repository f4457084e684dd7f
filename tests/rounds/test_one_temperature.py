"""One temperature, the study's, wherever a policy is trained, drawn from or measured."""

from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from feedback_store import runs
from policy_training import algorithm_registry
from policy_training.records import Given
from policy_training.settings import TrainingSettings
from rounds import drawing, studies, verbs
from rounds.kinds import train_policy
from rounds.policy_settings import Algorithm, TrainPolicySettings
from rounds.settings import StudySettings
from rounds.worker import Worker
from tests.rounds.small_study import new_study

STUDY = StudySettings.model_validate({"base": "tiny:", "sampling": {"temperature": 1.3, "max_new_tokens": 9}})


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_every_algorithm_trains_at_the_temperature_of_the_study(algorithm: Algorithm) -> None:
    settings = TrainPolicySettings(algorithm=algorithm)
    assert settings.training.sampling.temperature != 1.3
    found = train_policy._training_settings(SimpleNamespace(settings=settings, study=STUDY, log=lambda *_, **__: None))
    assert found.sampling.temperature == 1.3
    rest = found.model_copy(update={"sampling": settings.training.sampling})
    assert rest == settings.training, "and nothing else is changed"


@pytest.mark.usefixtures("one_thread")
def test_a_run_trains_at_it_also_where_it_was_changed_after_the_run_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, handed = new_study(tmp_path / "study", train=3), list[TrainingSettings]()
    few = {"rewards": ["length_window"], "reference_samples": 2, "shown_prompts": 0, "shown_times": 0}
    run = verbs.start_run(db, "train-policy", few)
    studies.change_settings(db, sampling={"temperature": 1.3, "max_new_tokens": 9})

    def train(_: Given, settings: TrainingSettings) -> None:
        handed.append(settings)
        raise RuntimeError("far enough")

    monkeypatch.setattr(algorithm_registry, "trainer", lambda _: train)
    worker = Worker(db.folder, lease_seconds=60)
    worker.models.register_base()
    worker.work(until_idle=True)
    assert "far enough" in str(runs.get(db, run.id).error)
    assert run.config["ppo"]["sampling"]["temperature"] == 0.7
    assert [settings.sampling.temperature for settings in handed] == [1.3]
    said = [line.text for line in runs.logs(db, run.id) if line.level == "warning"]
    assert any("settings say temperature 0.7, the study's have said 1.3 since" in words for words in said)


def test_texts_are_drawn_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(drawing, "sample", lambda model, requests, settings, adapter: given.append(settings) or [])
    model = SimpleNamespace(tokens=lambda *_: [1], require_room=lambda *_: None)
    drawing.draw_with(SimpleNamespace(models=SimpleNamespace(model=model), study=STUDY), [], None)
    assert given == [STUDY.sampling]
