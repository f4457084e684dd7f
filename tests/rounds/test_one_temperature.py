"""One temperature, the study's, wherever a policy is trained, drawn from or measured."""

from types import SimpleNamespace
from typing import get_args

import pytest

from rounds import drawing
from rounds.kinds import train_policy
from rounds.policy_settings import Algorithm, TrainPolicySettings
from rounds.settings import StudySettings

STUDY = StudySettings.model_validate({"base": "tiny:", "sampling": {"temperature": 1.3, "max_new_tokens": 9}})


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_every_algorithm_trains_at_the_temperature_of_the_study(algorithm: Algorithm) -> None:
    settings = TrainPolicySettings(algorithm=algorithm)
    assert settings.training.sampling.temperature != 1.3
    found = train_policy._training_settings(SimpleNamespace(settings=settings, study=STUDY))
    assert found.sampling.temperature == 1.3
    rest = found.model_copy(update={"sampling": settings.training.sampling})
    assert rest == settings.training, "and nothing else is changed"


def test_texts_are_drawn_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(drawing, "sample", lambda model, requests, settings, adapter: given.append(settings) or [])
    model = SimpleNamespace(tokens=lambda *_: [1], require_room=lambda *_: None)
    drawing.draw_with(SimpleNamespace(models=SimpleNamespace(model=model), study=STUDY), [], None)
    assert given == [STUDY.sampling]
