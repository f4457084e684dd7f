"""Threads by the environment: a number, or a refusal that says what is allowed."""

import os

import pytest

from language_models.threads import wanted_threads


def test_without_a_word_every_core_is_used_and_a_number_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for said in (None, "", " "):
        if said is None:
            monkeypatch.delenv("TASTEMAKER_THREADS", raising=False)
        else:
            monkeypatch.setenv("TASTEMAKER_THREADS", said)
        assert wanted_threads() == os.cpu_count()
    monkeypatch.setenv("TASTEMAKER_THREADS", "3")
    assert wanted_threads() == 3


@pytest.mark.parametrize("said", ["two", "0", "-1", "1.5", "²"])
def test_what_is_no_number_of_threads_is_refused_with_what_is_allowed(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASTEMAKER_THREADS", said)
    with pytest.raises(ValueError, match=r"TASTEMAKER_THREADS = .* is no number of threads: set it to 1 or more"):
        wanted_threads()
