"""How likely the frozen base finds a completion after its prompt: mean log-probability of a token, or perplexity.

mean log-prob = 1/T sum_t log p(y_t | x, y_<t), at temperature 1 and with no adapter; perplexity = exp(-mean log-prob)
(Jelinek et al. 1977). The token that ends a completion counts, where it ended by itself. Beware: what a language
model finds likeliest is short of content and repeats itself (Holtzman et al. 2019, https://arxiv.org/abs/1904.09751),
so it is for a small weight beside others.
"""

import math
from collections.abc import Sequence

import torch

from language_models.batches import token_batches
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from reward_training.functions.settings.language_model import Settings
from reward_training.reward_function import ANY, Given, Prompt, RewardFunction, Scores, was_finished

LANGUAGES = (ANY,)
NEEDS = ("base",)


def build(settings: Settings, given: Given) -> RewardFunction:
    model: LanguageModel | None = given.base
    assert model is not None

    @torch.no_grad()
    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        asked = [model.tokens(prompt) for prompt in prompts]
        written = [
            model.completion_tokens(text, was_finished(text) is not False)[: settings.longest] for text in completions
        ]
        means = [0.0] * len(completions)
        with model.adapters.using(None):
            for rows, batch in model.in_parts(asked, written, token_batches(asked, written, settings.tokens_per_batch)):
                sums = completion_pass(model, batch, temperature=1.0).log_probs.sum(1)
                for row, mean in zip(rows, (sums / batch.completion_mask.sum(1)).tolist(), strict=True):
                    means[row] = mean
        return [scored(mean, settings) for mean in means]

    return reward


def scored(mean_log_prob: float, settings: Settings) -> float:
    """The measure asked for, from nats a token."""
    if settings.measure == "mean_log_prob":
        return mean_log_prob
    return -math.exp(min(-mean_log_prob, math.log(settings.most_perplexity)))
