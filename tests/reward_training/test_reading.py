"""Texts of any length: what is too long is cut or refused, and what fits is left as it is."""

import pytest

from language_models.model import LanguageModel
from reward_training import reading
from reward_training.reading import MOST_PROMPT_TOKENS, MOST_TOKENS, TooLong, all_readable, readable
from reward_training.records import Text
from tiny_models import fresh_tiny

PROMPT = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return fresh_tiny()


def tokens(model: LanguageModel, text: Text) -> int:
    return len(model.tokens(text.prompt)) + len(model.completion_tokens(text.completion, text.finished is not False))


@pytest.mark.parametrize("completion", ["", "🙂", "a word " * 300, "\x00", "早上好"])
def test_what_fits_is_left_alone(model: LanguageModel, completion: str) -> None:
    text = Text(PROMPT, completion, True)
    assert readable(model, text) is text


@pytest.mark.parametrize("piece", ["word ", "🙂", "早"])
def test_fifty_thousand_tokens_are_cut_to_what_can_be_read(model: LanguageModel, piece: str) -> None:
    text = Text(PROMPT, piece * 50_000, True)
    found = readable(model, text)
    assert found.finished is False
    assert text.completion.startswith(found.completion.rstrip("�"))
    assert MOST_TOKENS - 8 <= tokens(model, found) <= MOST_TOKENS + 8
    assert all_readable(model, [text, Text(PROMPT, "short", True)])[1] == 1


def test_a_prompt_that_leaves_no_room_is_refused_in_words(model: LanguageModel) -> None:
    long = [{"role": "user", "content": "word " * 5000}]
    with pytest.raises(TooLong, match=rf"a prompt of \d+ tokens is too long to read: {MOST_PROMPT_TOKENS} are allowed"):
        readable(model, Text(long, "short", True))


def test_a_text_just_above_is_cut_and_one_at_the_limit_is_not(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Text(PROMPT, "abcdefgh" * 100, False)
    monkeypatch.setattr(reading, "MOST_TOKENS", tokens(model, text))
    assert readable(model, text) is text
    monkeypatch.setattr(reading, "MOST_TOKENS", tokens(model, text) - 1)
    assert readable(model, text).completion == text.completion[:-1]
