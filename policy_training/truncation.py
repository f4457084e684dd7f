"""Completions that were cut off at the longest length allowed, told apart by the sampler's finish reason.

Three ways to take them (setting `truncated`): *penalty*, the default: the cut is a real end, the value behind it is 0,
and the score pays for it, so that a policy learns to end; *leave_out*: they are measured and not learned from;
*bootstrap*: the episode goes on in thought, and V(s_T) stands in place of the rest, the score with it (Pardo et al.
2018, https://arxiv.org/abs/1712.00378).
"""

from collections.abc import Sequence
from dataclasses import fields, replace

import torch
from torch import Tensor

from language_models.batches import token_batches
from language_models.log_probs import completion_pass
from language_models.sampling import Sampled
from policy_training.learner import Learner
from policy_training.rollouts import Rollouts, lay_out
from policy_training.settings import RewardedSettings, TrainingSettings


def cut_off(sampled: Sequence[Sampled]) -> Tensor:
    """(N,) bool: completions that did not end by themselves."""
    return torch.tensor([not one.finished for one in sampled])


def penalised(scores: Tensor, sampled: Sequence[Sampled], settings: TrainingSettings) -> Tensor:
    """(N,) scores, less the penalty where a cut is an end that costs."""
    if not isinstance(settings, RewardedSettings) or settings.truncated != "penalty":
        return scores
    return scores - settings.truncation_penalty * cut_off(sampled)


def learned_from(rollouts: Rollouts, learner: Learner, settings: TrainingSettings, step: int) -> Rollouts:
    """The rollouts without those that are left out, laid out anew, padded to the longest that stays; there may be
    none. Where some are, the given ones lose their layout, so that what frozen layers made of them is held once."""
    if not isinstance(settings, RewardedSettings) or settings.truncated != "leave_out":
        return rollouts
    rows = (~cut_off(rollouts.sampled)).nonzero().squeeze(-1)
    if len(rows) == len(rollouts.items):
        return rollouts
    items, sampled = ([whole[row] for row in rows] for whole in (rollouts.items, rollouts.sampled))
    tensors = {one.name: getattr(rollouts, one.name) for one in fields(rollouts)}
    kept = {name: value[rows] for name, value in tensors.items() if isinstance(value, Tensor)}
    rollouts.minibatches.clear()
    longest = max((len(one.token_ids) for one in sampled), default=0)
    kept = {name: value[:, :longest] if value.ndim == 2 else value for name, value in kept.items()}
    layout = lay_out(learner, items, sampled, settings, step) if len(rows) else []
    return replace(rollouts, items=items, sampled=sampled, minibatches=layout, **kept)


def end_values(rollouts: Rollouts, learner: Learner, settings: RewardedSettings) -> Tensor:
    """(N,) V(s_T), the value after the last token: 0 at real ends, by the value head where the episode goes on.

    The state after the last token is the one that would predict a further token.
    """
    values = torch.zeros(len(rollouts.items))
    if settings.truncated != "bootstrap" or learner.value_head is None:
        return values
    rows = cut_off(rollouts.sampled).nonzero().squeeze(-1).tolist()
    prompts = [rollouts.items[row].token_ids for row in rows]
    further = [[*rollouts.sampled[row].token_ids, learner.model.pad_id] for row in rows]
    with torch.no_grad(), learner.model.adapters.using(learner.adapter):
        parts = token_batches(prompts, further, settings.tokens_per_batch)
        for places, batch in learner.model.in_parts(prompts, further, parts):
            states = completion_pass(learner.model, batch, settings.sampling.temperature).states
            last = batch.completion_mask.sum(1) - 1
            found = learner.value_head(states[torch.arange(len(places)), last])
            values[[rows[place] for place in places]] = found.cpu()
    return values
