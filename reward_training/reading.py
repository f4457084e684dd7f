"""Texts as long as a base can read them: what is longer is cut, and said."""

from collections.abc import Sequence
from dataclasses import replace

from language_models.model import LanguageModel
from reward_training.records import Text

MOST_TOKENS = 4096
"""Of a prompt with its completion: attention's memory grows with the square."""
MOST_PROMPT_TOKENS = 3072


class TooLong(ValueError):
    """A prompt that leaves no room for a completion."""


def readable(model: LanguageModel, text: Text) -> Text:
    """The text itself where it fits into MOST_TOKENS, else with only the beginning of its completion, as one that was
    cut off. Raises TooLong for a prompt above MOST_PROMPT_TOKENS."""
    characters = len(text.completion) + sum(len(turn["content"]) for turn in text.prompt)
    if characters < MOST_TOKENS // 8:  # at most four bytes a character, one token a byte
        return text
    prompt = len(model.tokens(text.prompt))
    if prompt > MOST_PROMPT_TOKENS:
        raise TooLong(f"a prompt of {prompt} tokens is too long to read: {MOST_PROMPT_TOKENS} are allowed")
    kept = MOST_TOKENS - prompt
    # No token is longer than a few dozen characters in practice; a text far beyond is cut before it is tokenised.
    ids = model.completion_tokens(text.completion[: kept * 64], text.finished is not False)
    if len(ids) <= kept and len(text.completion) <= kept * 64:
        return text
    return replace(text, completion=model.text(ids[:kept]), finished=False)


def all_readable(model: LanguageModel, texts: Sequence[Text]) -> tuple[list[Text], int]:
    """All of them, and how many were cut. Raises TooLong."""
    found = [readable(model, text) for text in texts]
    return found, sum(new is not old for new, old in zip(found, texts, strict=True))
