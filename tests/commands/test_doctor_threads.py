"""`doctor` tells how many threads models are computed with, which the environment may say."""

import pytest

from ui.commands import doctor


def test_the_threads_are_those_that_models_are_computed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "TORCH_PROBE", """print('{"version": "2", "device": "cpu"}')""")
    monkeypatch.setenv("TASTEMAKER_THREADS", "1")
    told = doctor.torch_device()
    assert (told.found, told.ok) == ("2, device cpu, 1 threads", True)
    monkeypatch.setenv("TASTEMAKER_THREADS", "many")
    told = doctor.torch_device()
    assert told.ok is False
    assert "TASTEMAKER_THREADS = 'many' is no number of threads" in told.advice
