"""What alarms go by, of an iteration's completions and of the reference policy's."""

from collections.abc import Sequence

import torch
from torch import Tensor

from language_models.log_probs import completion_pass
from language_models.sampling import Sampled, sample
from policy_training.guards import Readings, Without, distinct_pairs_without, equal_to_another, jackknifed, reading
from policy_training.records import Given, PromptItem
from policy_training.rollouts import draw_requests, within_budget
from policy_training.settings import TrainingSettings


def flaws(sampled: Sequence[Sampled]) -> dict[str, list[bool]]:
    """Of each completion whether it is cut off, empty, or the same as another one."""
    return {
        "cut_off": [not one.finished for one in sampled],
        "empty": [not one.text.strip() for one in sampled],
        "identical": equal_to_another([one.token_ids for one in sampled]),
    }


def readings_of(items: Sequence[PromptItem], sampled: Sequence[Sampled], entropy: Tensor, among: int) -> Readings:
    """Readings of N completions, row by row of their prompts, which are drawn `among` so many; `entropy`: (N,) nats,
    summed over the tokens of each, under the policy that drew them."""
    prompts, tokens, nats = [item.id for item in items], [one.token_ids for one in sampled], entropy.tolist()
    shares = {code: reading(whether, prompts, among) for code, whether in flaws(sampled).items()}
    spread = {
        "distinct": jackknifed(distinct_pairs_without(tokens), prompts, among),
        "entropy": jackknifed(_ratio_without(nats, [len(ids) for ids in tokens]), prompts, among),
    }
    return Readings(shares, spread)


def _ratio_without(above: Sequence[float], below: Sequence[float]) -> Without:
    """The ratio of two sums over all rows but some."""
    whole = sum(above), sum(below)

    def without(rows: Sequence[int]) -> float:
        return (whole[0] - sum(above[row] for row in rows)) / (whole[1] - sum(below[row] for row in rows))

    return without


def reference_readings(given: Given, settings: TrainingSettings) -> Readings:
    """Readings of the reference policy, on the prompts of the first iteration and with its random numbers."""
    model = given.model
    items, requests = draw_requests(given.prompts, settings, 0)
    sampled = sample(model, requests, settings.sampling, given.reference_adapter)
    prompts, completions = [item.token_ids for item in items], [one.token_ids for one in sampled]
    nats = torch.zeros(len(items))
    with torch.no_grad(), model.adapters.using(given.reference_adapter):
        for rows, batch in within_budget(model, prompts, completions, settings.tokens_per_batch):
            entropy = completion_pass(model, batch, settings.sampling.temperature, with_entropy=True).entropy
            assert entropy is not None
            nats[rows] = entropy.sum(1).cpu()
    return readings_of(items, sampled, nats, len(given.prompts))
