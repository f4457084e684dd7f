"""Completions as the reward model reads them."""

from types import SimpleNamespace

import pytest

from feedback_store.completions import NewCompletion
from rounds.settings import StudySettings
from rounds.texts import text_of


@pytest.mark.parametrize(("reason", "finished"), [("stop", True), ("length", False), (None, None)])
def test_a_stored_text_is_read_by_how_it_ended(reason: str | None, finished: bool | None) -> None:
    prompt = SimpleNamespace(messages=[{"role": "user", "content": "So?"}])
    written = NewCompletion(1, 1, "So it is", finish_reason=reason)
    assert text_of(prompt, written, StudySettings(base="tiny:")).finished is finished
