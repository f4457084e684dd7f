"""Vectors of texts from the base alone: what a text is about, for cosines between texts.

The mean over a text's own tokens of the frozen base's states low in its depth, less the mean vector of texts of its
kind (requests, answers): states of any two texts share a large common part (Ethayarajh 2019,
https://aclanthology.org/D19-1006), and requests differ from answers in it. On 60 questions with their answers
(qa_feedback, SmolLM2-135M) the right question is nearer to an answer than another one in 0.89 of the cases at layer 4
of 30 as it comes, 0.98 less the means; with the mean of the word embeddings in place of states 0.66 and 0.87.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from language_models.batches import token_batches
from language_models.model import LanguageModel
from reward_training.reward_function import Embed, TextKind

DEPTH = 2 / 15
LONGEST = 512  # tokens that are read
TOKENS_PER_BATCH = 1500

Centres = Mapping[TextKind, Sequence[float]]
"""The mean vector of the texts of a kind, (H,)."""


def embedder(model: LanguageModel, centres: Centres) -> Embed:
    """N texts -> (N, H) vectors; the zero vector for a text without tokens."""
    vectors_of = _Vectors(model)
    means = {kind: np.asarray(centre) for kind, centre in centres.items()}

    def embed(texts: Sequence[str], kind: TextKind) -> NDArray[np.float64]:
        vectors, filled = vectors_of(texts)
        vectors[filled] -= means[kind]
        return vectors

    return embed


def centres_of(model: LanguageModel, requests: Sequence[str], answers: Sequence[str]) -> dict[TextKind, list[float]]:
    """The mean vectors of some requests and some answers, at least one of each that has a token."""
    vectors_of = _Vectors(model)

    def mean(texts: Sequence[str]) -> list[float]:
        vectors, filled = vectors_of(texts)
        return [float(value) for value in vectors[filled].mean(0)]

    return {"request": mean(requests), "answer": mean(answers)}


class _Vectors:
    """Texts -> their vectors as they come, and the rows that have a token."""

    def __init__(self, model: LanguageModel) -> None:
        self._trunk = model.trunk(max(1, round(DEPTH * model.layers)))

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], list[int]]:
        trunk = self._trunk
        rows = [trunk.tokenizer(str(text), add_special_tokens=False)["input_ids"][:LONGEST] for text in texts]
        vectors = np.zeros((len(rows), trunk.hidden_size))
        filled = [row for row, ids in enumerate(rows) if ids]
        before, shown = [[trunk.pad_id]] * len(filled), [rows[row] for row in filled]
        for places, batch in trunk.in_parts(before, shown, token_batches(before, shown, TOKENS_PER_BATCH)):
            own = [filled[place] for place in places]
            states = trunk.completion_states(batch) * batch.completion_mask.unsqueeze(-1)
            vectors[own] = (states.sum(1) / batch.completion_mask.sum(1, keepdim=True)).cpu().double().numpy()
        return vectors, filled
