"""Completions of two or more policies on the same prompts, with counts and rewards.

Every completion's seed comes from the run's `seed` setting, the prompt and the sample index alone: a policy that was
evaluated before with the same seed is not sampled again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from feedback_store import policies, prompts
from feedback_store.completions import Completion
from feedback_store.policies import Policy
from feedback_store.prompts import Prompt
from rounds.context import RunContext
from rounds.drawing import Wanted, chosen_prompts, complete
from rounds.plain import plain
from rounds.settings import EvaluateSettings
from rounds.statistics import distinct_pairs
from rounds.texts import text_of

REWARD_BATCH = 32


class NothingToEvaluate(ValueError):
    """There are no such policies or prompts."""


def run(context: RunContext) -> dict[str, Any]:
    """Draw what is missing; the result has a part for each policy, runs/N/rewards.jsonl a line for each completion."""
    settings: EvaluateSettings = context.settings
    chosen = chosen_policies(context)
    asked = chosen_prompts(prompts.listing(context.db, split=settings.split), settings.prompts, settings.seed)
    if not asked:
        raise NothingToEvaluate(
            f"The study has no {settings.split} prompts. Import more, or evaluate on the other split."
        )
    wanted = [
        Wanted(prompt, policy, settings.seed, index)
        for policy in chosen
        for prompt in asked
        for index in range(settings.samples)
    ]
    found = complete(context, wanted)
    rewards = _rewards(context, asked, found)
    by_policy = {policy.name: [one for one in found if one.policy_id == policy.id] for policy in chosen}
    return {
        "split": settings.split,
        "prompts": len(asked),
        "samples": settings.samples,
        "reward_model": settings.reward_model,
        "prompt_ids": [prompt.id for prompt in asked],
        "policies": {
            name: plain(_figures(texts, by_policy[chosen[0].name], rewards)) for name, texts in by_policy.items()
        },
    }


def chosen_policies(context: RunContext) -> list[Policy]:
    """The policies named (by name or id), or the current one beside its parent."""
    names = context.settings.policies
    if names:
        found = [
            policies.get(context.db, int(name)) if name.isdigit() else policies.by_name(context.db, name)
            for name in names
        ]
        return list({policy.id: policy for policy in found}.values())
    current = policies.current(context.db)
    if current is None or current.parent_id is None:
        raise NothingToEvaluate("There is only the base so far, and nothing to compare it with. Train a policy first.")
    return [policies.get(context.db, current.parent_id), current]


def _rewards(context: RunContext, asked: Sequence[Prompt], found: Sequence[Completion]) -> dict[int, float]:
    """Normalised reward by completion id, kept in rewards.jsonl as well; empty where no reward model is named."""
    name = context.settings.reward_model
    if name is None:
        return {}
    model = context.models.reward(context.models.reward_row(name))
    known = {prompt.id: prompt for prompt in asked}
    rewards: dict[int, float] = {}
    for start in range(0, len(found), REWARD_BATCH):
        context.between_steps("scoring", step=start, steps=len(found))
        batch = found[start : start + REWARD_BATCH]
        scores = model.score([text_of(known[one.prompt_id], one, context.study) for one in batch])
        rewards.update(zip([one.id for one in batch], scores, strict=True))
    lines = [json.dumps({"completion_id": key, "reward": value}) for key, value in rewards.items()]
    context.file("rewards.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return rewards


def _figures(texts: Sequence[Completion], first: Sequence[Completion], rewards: dict[int, float]) -> dict[str, Any]:
    """Counts and means of one policy; distinct-2 is over as many words as the first policy's texts give."""
    own, of_first = distinct_pairs([one.text.split() for one in texts], [one.text.split() for one in first])
    lengths = [one.token_count for one in texts if one.token_count is not None]
    return {
        "completions": len(texts),
        "cut_off": fmean(one.finish_reason == "length" for one in texts),
        "empty": fmean(not one.text.strip() for one in texts),
        "mean_tokens": fmean(lengths) if lengths else None,
        "distinct_2": own,
        "distinct_2_of_first": of_first,
        "mean_reward": fmean(rewards[one.id] for one in texts) if rewards else None,
    }
