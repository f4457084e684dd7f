"""`policy verify STUDY FOLDER` says what its process found; tests/rounds/test_policy_export.py has what that finds."""

import json
import subprocess
from types import SimpleNamespace

import pytest


@pytest.fixture
def found(monkeypatch):
    """Sets what the process that compares says; returns the words that it was started with."""
    started: list[list[str]] = []

    def set_to(answer: object = None, code: int = 0, err: str = "") -> list[list[str]]:
        def run(words, **_):
            started.append(words[1:])
            return SimpleNamespace(returncode=code, stdout=json.dumps(answer), stderr=err)

        monkeypatch.setattr(subprocess, "run", run)
        return started

    return set_to


def test_the_same_is_code_0_and_not_the_same_is_1_with_the_reasons(tastemaker, study, tmp_path, found):
    started = found({"same": True, "verdict": "The same: a is b.", "differs": []})
    outcome = tastemaker("policy", "verify", study, tmp_path, "--base", "hub:people/tiny")
    assert (outcome.code, outcome.out) == (0, "The same: a is b.\n")
    assert started == [["-m", "rounds.verify_export", str(study), str(tmp_path), "--base", "hub:people/tiny"]]
    found({"same": False, "verdict": "NOT the same.", "differs": ["its tokenizer has another vocabulary"]})
    outcome = tastemaker("policy", "verify", study, tmp_path)
    assert (outcome.code, outcome.out) == (1, "NOT the same.\n- its tokenizer has another vocabulary\n")
    outcome = tastemaker("policy", "verify", study, tmp_path, "--json")
    assert (outcome.code, outcome.json["same"]) == (1, False)


def test_what_cannot_be_compared_is_told_in_the_words_of_the_process(refused, study, tmp_path, found):
    found(code=2, err="Loading weights: 100%\nverify: 'x' is no export of this program\n")
    assert refused("policy", "verify", study, tmp_path) == "'x' is no export of this program"


def test_a_process_that_is_killed_or_fails_is_told_as_that(refused, study, tmp_path, found):
    found(code=-9, err="Loading weights: 10%\n")
    assert "killed by signal 9, probably out of memory: Loading weights" in refused("policy", "verify", study, tmp_path)
    found(code=1, err="Traceback (most recent call last):\nTypeError: no\n")
    assert "the process that compares failed: TypeError: no" in refused("policy", "verify", study, tmp_path)
