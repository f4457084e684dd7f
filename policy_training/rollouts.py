"""Rollouts: completions of the current policy with everything that an update needs, taken once before its first
step."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from language_models.batches import Batch, shared_prompt_batches, token_batches
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.pause_points import pause_point
from language_models.sampling import Sampled, SampleRequest, sample
from language_models.seeds import completion_seed
from policy_training.learner import Learner
from policy_training.passes import in_passes
from policy_training.records import Given, PromptItem
from policy_training.settings import TrainingSettings


@dataclass(frozen=True)
class MicroBatch:
    """Rows that go through the model together. The layout stays the same for old, reference and new log-probs, so that
    before the first optimiser step the ratio is exactly 1 (up to rounding where rows are left out, truncation.py)."""

    rows: Tensor  # (b,) indices into the rollouts
    batch: Batch


@dataclass(frozen=True)
class Rollouts:
    """N completions, padded to C tokens; entries behind a completion's end are 0."""

    items: list[PromptItem]
    sampled: list[Sampled]
    minibatches: list[list[MicroBatch]]  # a fixed partition of the rows
    scores: Tensor  # (N,) as the reward gave them, before the penalty for truncation
    mask: Tensor  # (N, C) bool
    log_probs: Tensor  # (N, C) of the policy that sampled, nats
    reference: Tensor  # (N, C) log-probs under the reference policy
    values: Tensor  # (N, C)
    entropy: Tensor  # (N, C) nats
    seconds_sample: float = 0.0  # to draw them


class BadReward(ValueError):
    """The reward gave something other than one finite number a completion."""


def draw_requests(
    prompts: Sequence[PromptItem], settings: TrainingSettings, step: int
) -> tuple[list[PromptItem], list[SampleRequest]]:
    """The prompts of iteration `step` (0, 1, ...), each `samples_per_prompt` times, and what to sample.

    Prompts come in shuffled passes over all of them; the draws depend on (seed, step) alone.
    """
    chosen = in_passes(len(prompts), settings.prompts_per_step, step, (settings.seed, 1))
    items = [prompts[place] for place in chosen for _ in range(settings.samples_per_prompt)]
    run_seed = completion_seed(settings.seed, step, 0)
    requests = [
        SampleRequest(item.token_ids, completion_seed(run_seed, item.id, index)) for index, item in enumerate(items)
    ]
    return items, requests


def within_budget(
    model: LanguageModel, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]], tokens: int
) -> Iterator[tuple[Sequence[int], Batch]]:
    """Rows in batches of so many tokens at most, each with its places. Those of one prompt stand together, but where no
    prompt can be computed once (layers are computed again, or compiled): they would pass the budget.
    """
    split = token_batches if model.whole_rows else shared_prompt_batches
    return model.in_parts(prompts, completions, split(prompts, completions, tokens))


def lay_out(
    learner: Learner, items: list[PromptItem], sampled: list[Sampled], settings: TrainingSettings, step: int
) -> list[list[MicroBatch]]:
    """Splits the rows at random into mini-batches, each into micro-batches of like length within the token budget. What
    frozen layers make of the rows is computed here.
    """
    model = learner.model
    order = np.random.default_rng([settings.seed, 2, step]).permutation(len(items))
    layout: list[list[MicroBatch]] = []
    for part in np.array_split(order, min(settings.minibatches, len(items))):
        prompts = [items[row].token_ids for row in part]
        completions = [sampled[row].token_ids for row in part]
        micro_batches = []
        for places, batch in within_budget(model, prompts, completions, settings.tokens_per_batch):
            if learner.frozen:
                with model.adapters.using(learner.adapter):
                    batch = model.with_lower_states(batch, learner.frozen)
            micro_batches.append(MicroBatch(torch.from_numpy(part[places]), batch))
        layout.append(micro_batches)
    return layout


def collect(given: Given, learner: Learner, settings: TrainingSettings, step: int) -> Rollouts:
    """Samples, scores, and reads log-probs, values and reference log-probs in the layout of the update.

    Without a reward all scores are 0, without a value head all values. Raises BadReward, naming the prompt, where a
    score is missing or not finite.
    """
    model = learner.model
    items, requests = draw_requests(given.prompts, settings, step)
    began = time.monotonic()
    sampled = sample(model, requests, settings.sampling, learner.adapter)
    seconds = time.monotonic() - began
    pause_point("completions-drawn")
    scores = checked_scores(given.reward(items, sampled) if given.reward else [0.0] * len(items), items)
    pause_point("completions-scored")
    layout = lay_out(learner, items, sampled, settings, step)
    shape = (len(items), max(len(completion.token_ids) for completion in sampled))
    mask = torch.zeros(shape, dtype=torch.bool)
    log_probs, reference, values, entropy = (torch.zeros(shape) for _ in range(4))
    same_below = given.reference_adapter is None and not learner.changes_frozen_layers  # as in the reference
    micro_batches = [micro for minibatch in layout for micro in minibatch]
    with torch.no_grad(), model.adapters.using(learner.adapter):
        for micro in micro_batches:
            width = micro.batch.completion_mask.shape[1]
            mask[micro.rows, :width] = micro.batch.completion_mask.cpu()
            own = completion_pass(model, micro.batch, settings.sampling.temperature, with_entropy=True)
            log_probs[micro.rows, :width] = own.log_probs.cpu()
            if learner.value_head is not None:
                values[micro.rows, :width] = (learner.value_head(own.states) * micro.batch.completion_mask).cpu()
            assert own.entropy is not None
            entropy[micro.rows, :width] = own.entropy.cpu()
    with torch.no_grad(), model.adapters.using(given.reference_adapter):
        for micro in micro_batches:
            asked = micro.batch if same_below else replace(micro.batch, lower=None)
            read = completion_pass(model, asked, settings.sampling.temperature).log_probs
            reference[micro.rows, : read.shape[1]] = read.cpu()
    pause_point("log-probs-read")
    return Rollouts(items, sampled, layout, scores, mask, log_probs, reference, values, entropy, seconds)


def checked_scores(scores: Sequence[float], items: Sequence[PromptItem]) -> Tensor:
    """(N,) scores, if there is one finite number for each row."""
    if len(scores) != len(items):
        raise BadReward(f"the reward gave {len(scores)} scores for {len(items)} completions: one each is needed")
    found = torch.tensor([_number(score) for score in scores], dtype=torch.float32)
    for score, kept, item in zip(scores, found, items, strict=True):
        if not torch.isfinite(kept):
            raise BadReward(
                f"the reward gave {score} for a completion of prompt {item.id}: scores must be finite in 32 bits"
            )
    return found


def _number(score: Any) -> float:
    """What somebody's function gave, as a number; NaN where it is none."""
    try:
        return float(score)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
