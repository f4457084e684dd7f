"""What alarms go by, of an iteration's completions and of the reference policy's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from language_models.batches import collate, shared_prompt_batches
from language_models.log_probs import completion_pass
from language_models.sampling import Sampled, sample
from policy_training.guards import Readings, distinct_pairs, equal_to_another, reading
from policy_training.records import Given, PromptItem
from policy_training.rollouts import draw_requests
from policy_training.settings import TrainingSettings

if TYPE_CHECKING:
    from language_models.model import LanguageModel


def flaws(sampled: Sequence[Sampled]) -> dict[str, list[bool]]:
    """Of each completion whether it is cut off, empty, or the same as another one."""
    return {
        "cut_off": [not one.finished for one in sampled],
        "empty": [not one.text.strip() for one in sampled],
        "identical": equal_to_another([one.token_ids for one in sampled]),
    }


def readings_of(items: Sequence[PromptItem], sampled: Sequence[Sampled], entropy_nats: float) -> Readings:
    """Readings of completions, row by row of their prompts; `entropy_nats` a token, of the policy that drew them."""
    prompts = [item.id for item in items]
    shares = {code: reading(whether, prompts) for code, whether in flaws(sampled).items()}
    return Readings(shares, distinct_pairs([one.token_ids for one in sampled]), entropy_nats)


def reference_readings(given: Given, settings: TrainingSettings) -> Readings:
    """Readings of the reference policy, on the prompts of the first iteration and with its random numbers."""
    model = given.model
    items, requests = draw_requests(given.prompts, settings, 0)
    sampled = sample(model, requests, settings.sampling, given.reference_adapter)
    return readings_of(items, sampled, _entropy(model, items, sampled, settings, given.reference_adapter))


def _entropy(
    model: LanguageModel, items: Sequence[PromptItem], sampled: Sequence[Sampled], settings: TrainingSettings,
    adapter: str | None,
) -> float:  # fmt: skip
    """The mean of what each token was chosen from, in nats, under the policy that wrote it."""
    prompts, completions = [item.token_ids for item in items], [one.token_ids for one in sampled]
    nats = 0.0
    with torch.no_grad(), model.adapters.using(adapter):
        for rows in shared_prompt_batches(prompts, completions, settings.tokens_per_batch):
            own = [prompts[row] for row in rows], [completions[row] for row in rows]
            batch = collate(*own, model.pad_id, model.device)
            entropy = completion_pass(model, batch, settings.sampling.temperature, with_entropy=True).entropy
            assert entropy is not None
            nats += float(entropy.sum())
    return nats / sum(map(len, completions))
