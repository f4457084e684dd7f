"""The text of each token of a completion, such that put together they are the completion's text."""

from collections.abc import Callable, Sequence

BROKEN = "\N{REPLACEMENT CHARACTER}"  # what a decoder writes for bytes that are no whole character


def token_texts(ids: Sequence[int], decode: Callable[[Sequence[int]], str]) -> list[str]:
    """What each token adds to the text, read behind the tokens before it, for some tokenizers write spaces by what
    comes before. A character of several tokens stands with its last one, the others are empty.
    """
    texts: list[str] = []
    seen, done = 0, 0  # tokens from `seen` on are decoded anew; those before `done` are told
    for end in range(1, len(ids) + 1):
        before, now = decode(ids[seen:done]), decode(ids[seen:end])
        if now.endswith(BROKEN) and end < len(ids):
            texts.append("")
            continue
        texts.append(now[len(before) :])
        seen, done = done, end
    return texts
