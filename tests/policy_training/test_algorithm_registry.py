"""Algorithms are found by their files' names, without torch, and each has its settings and its place in a run's."""

from pathlib import Path

import pytest

from policy_training import algorithm_registry
from policy_training.algorithm_registry import UnknownAlgorithm
from rounds.policy_settings import ALGORITHMS, TrainPolicySettings


def test_every_file_is_an_algorithm_that_a_run_can_choose():
    assert sorted(ALGORITHMS) == algorithm_registry.names()


@pytest.mark.parametrize("name", algorithm_registry.names())
def test_an_algorithm_says_what_it_is_and_what_it_takes(name: str):
    described = algorithm_registry.describe(name)
    assert "http" in described.about  # its source
    assert "Left out" in described.about  # and what of it is not there
    assert set(described.needs) <= {"prompts", "reward", "preferences", "demonstrations"}
    chosen = TrainPolicySettings.model_validate({"algorithm": name})
    assert type(chosen.training) is algorithm_registry.settings_class(name)
    assert callable(algorithm_registry.trainer(name))


def test_a_file_that_does_not_say_what_it_takes_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "new_one.py").write_text('"""A new one."""\n')
    monkeypatch.setattr(algorithm_registry, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"algorithms/new_one.py does not say what it takes: it needs NEEDS"):
        algorithm_registry.describe("new_one")


def test_an_unknown_one_is_answered_with_those_that_there_are():
    with pytest.raises(UnknownAlgorithm, match=r"no algorithm 'ddpg'. Valid: .*ppo"):
        algorithm_registry.describe("ddpg")
