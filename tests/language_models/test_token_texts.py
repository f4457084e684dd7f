"""What each token adds to a text."""

from collections.abc import Sequence

import pytest

from language_models.token_texts import token_texts
from tiny_models import fresh_tiny


@pytest.mark.parametrize("text", ["Hello, world!", "中文，表情 🙂 too", "", "  spaces\n\n lines "])
def test_put_together_they_are_the_text(text: str) -> None:
    tokenizer = fresh_tiny().tokenizer
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    pieces = token_texts(ids, tokenizer.decode)
    assert len(pieces) == len(ids)
    assert "".join(pieces) == tokenizer.decode(ids)
    assert "\N{REPLACEMENT CHARACTER}" not in "".join(pieces)


def test_a_character_of_several_tokens_stands_with_its_last_and_a_broken_end_is_told() -> None:
    data = "a🙂b".encode()

    def decode(ids: Sequence[int]) -> str:
        return bytes(ids).decode(errors="replace")

    assert token_texts(list(data), decode) == ["a", "", "", "", "🙂", "b"]
    assert token_texts(list(data[:3]), decode) == ["a", "", "\N{REPLACEMENT CHARACTER}"]
    assert token_texts(list(b"a\xffb"), decode) == ["a", "", "\N{REPLACEMENT CHARACTER}b"]


def test_a_space_that_is_written_only_behind_another_token_stands_with_the_token_after_it() -> None:
    words = ["▁Hello", "▁world", "!", "▁Bye"]

    def decode(ids: Sequence[int]) -> str:  # as SentencePiece's decoders do
        return "".join(words[place] for place in ids).replace("▁", " ").removeprefix(" ")

    assert token_texts([0, 1, 2, 3], decode) == ["Hello", " world", "!", " Bye"]
