"""Whether a completion is about what was asked: cosine of the embeddings, from the base, of request and completion.

The request is the last turn of the person. What an embedding is stands in reward_training/embedding.py. A completion
that only repeats the request would be the most relevant, so with `echo_free` (the default) words of the request that
the completion repeats in runs of four and more are left out of it first.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores, request_of
from reward_training.text_words import n_grams, words

LANGUAGES = (ANY,)
NEEDS = ("embed",)
ECHO = 4


class Settings(FunctionSettings):
    echo_free: bool = Field(True, description="leave out runs of four words that are copied from the request")


def build(settings: Settings, given: Given) -> RewardFunction:
    embed = given.embed
    assert embed is not None

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        asked = [request_of(prompt) for prompt in prompts]
        said = [
            without_echo(request, text) if settings.echo_free else str(text)
            for request, text in zip(asked, completions, strict=True)
        ]
        one, other = embed(asked, "request"), embed(said, "answer")
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        return [float(cosine) for cosine in (one * other).sum(1) / np.maximum(lengths, 1e-12)]

    return reward


def without_echo(request: str, text: str) -> str:
    """The text without the runs of four and more words that stand in the request as well."""
    asked, said = set(n_grams(words(request), ECHO)), words(text)
    copied: set[int] = set()
    for place, gram in enumerate(n_grams(said, ECHO)):
        if gram in asked:
            copied.update(range(place, place + ECHO))
    return " ".join(word for place, word in enumerate(said) if place not in copied) if copied else str(text)
