"""Likeness in meaning to good answers to the prompt: cosine of embeddings from the base, the best over the references.

What an embedding is stands in reward_training/embedding.py. It sees the same words in another order as the same. A
prompt without a reference says nothing, and an empty text is like nothing: 0.
"""

from collections.abc import Sequence

import numpy as np

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores

LANGUAGES = (ANY,)
NEEDS = ("references", "embed")


class Settings(FunctionSettings):
    pass


def build(settings: Settings, given: Given) -> RewardFunction:
    references, embed = given.references, given.embed
    assert references is not None
    assert embed is not None

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        good = [list(references(prompt)) for prompt in prompts]
        vectors = embed([*completions, *(text for texts in good for text in texts)], "answer")
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        scores: Scores = []
        at = len(completions)
        for row, texts in enumerate(good):
            likeness = unit[at : at + len(texts)] @ unit[row]
            scores.append(float(likeness.max()) if texts else None)
            at += len(texts)
        return scores

    return reward
