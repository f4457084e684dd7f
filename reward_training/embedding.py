"""Vectors of texts from the base alone: what a text is about, for cosines between texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from language_models.batches import collate, token_batches
from language_models.model import LanguageModel
from reward_training.reward_function import Embed

DEPTH = 1 / 3
LONGEST = 512  # tokens that are read
TOKENS_PER_BATCH = 1500


def embedder(model: LanguageModel) -> Embed:
    """N texts -> (N, H): the mean over a text's own tokens of the frozen base's states at a third of its depth."""
    trunk = model.trunk(max(1, round(DEPTH * model.layers)))

    @torch.no_grad()
    def embed(texts: Sequence[str]) -> NDArray[np.float64]:
        start = [trunk.pad_id]  # what a text without tokens consists of
        rows = [trunk.tokenizer(text, add_special_tokens=False)["input_ids"][:LONGEST] for text in texts]
        vectors = np.zeros((len(rows), trunk.hidden_size))
        filled = [row for row, ids in enumerate(rows) if ids]
        for places in token_batches([len(rows[row]) for row in filled], TOKENS_PER_BATCH):
            own = [filled[place] for place in places]
            batch = collate([start] * len(own), [rows[row] for row in own], trunk.pad_id, trunk.device)
            states = trunk.hidden_states(batch)[:, 1:] * batch.completion_mask.unsqueeze(-1)
            vectors[own] = (states.sum(1) / batch.completion_mask.sum(1, keepdim=True)).double().cpu().numpy()
        return vectors

    return embed
