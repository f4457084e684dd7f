"""Phi(s_t) = weight times the mean log-probability of the tokens so far under the frozen base; 0 for the prompt.

It tells the policy where it left the language that the base speaks.
"""

from collections.abc import Sequence
from itertools import accumulate

import torch

from language_models.batches import token_batches
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.sampling import Sampled
from policy_training.records import Potential, PromptItem


def language_score(model: LanguageModel, weight: float, temperature: float, tokens_per_batch: int) -> Potential:
    """Log-probs with all adapters off, at the temperature of sampling."""

    def potential(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[list[float]]:
        rows: list[list[float]] = [[] for _ in sampled]
        prompts, said = [item.token_ids for item in items], [one.token_ids for one in sampled]
        with torch.no_grad(), model.adapters.using(None):
            for places, batch in model.in_parts(prompts, said, token_batches(prompts, said, tokens_per_batch)):
                for place, log_probs in zip(places, completion_pass(model, batch, temperature).log_probs, strict=True):
                    sums = accumulate(log_probs[: len(said[place])].tolist())
                    rows[place] = [0.0, *(weight * total / t for t, total in enumerate(sums, start=1))]
        return rows

    return potential
