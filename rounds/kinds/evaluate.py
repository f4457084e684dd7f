"""Completions of two or more policies on the same prompts, with counts, rewards and likelihoods; and, where it is asked
for, a blind evaluation of fresh texts by people.

Every completion's seed comes from the run's `seed` setting, the prompt and the sample index alone: a policy that was
evaluated before with the same seed is not sampled again. The texts of a blind evaluation are drawn apart from these.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from feedback_store import evaluations, prompts, reward_models
from feedback_store.completions import Completion
from feedback_store.policies import Policy
from feedback_store.prompts import Prompt
from rounds.context import RunContext
from rounds.drawing import Wanted, complete
from rounds.drawn_alike import draw_seed
from rounds.evaluating import sides_of
from rounds.evaluation_texts import ask_people
from rounds.plain import plain
from rounds.policy_figures import Rewarded, figures
from rounds.prompts_looked_at import chosen_prompts
from rounds.settings import EvaluateSettings
from rounds.text_chances import chances
from rounds.texts import text_of

REWARD_BATCH = 32
NO_PAIRS = {"planned": 0, "comparisons": 0, "equal": 0, "held_back": 0}


class NothingToEvaluate(ValueError):
    """There are no such prompts."""


def run(context: RunContext) -> dict[str, Any]:
    """Draw what is missing; the result has a part for each policy, runs/N/rewards.jsonl a line for each completion."""
    settings: EvaluateSettings = context.settings
    chosen = sides_of(context.db, list(settings.policies))
    held = prompts.listing(context.db, split=settings.split)
    asked = chosen_prompts(held, settings.prompts, settings.seed)
    if not asked:
        raise NothingToEvaluate(
            f"The study has no {settings.split} prompts. Import more, or evaluate on the other split."
        )
    reward_model = _reward_model(context)
    blind = _ask_people(context, reward_model) if settings.blind.judgments else None
    run_seed = draw_seed(context.db, context.study, settings.seed)
    wanted = [
        Wanted(prompt, policy, run_seed, index)
        for policy in chosen
        for prompt in asked
        for index in range(settings.samples)
    ]
    found = complete(context, wanted)
    rewards = _rewards(context, reward_model, asked, found)
    _write(context, rewards)
    by_policy = {policy.name: [one for one in found if one.policy_id == policy.id] for policy in chosen}
    likelihoods = _likelihoods(context, chosen, asked, by_policy)
    return {
        "split": settings.split,
        "prompts": len(asked),
        "samples": settings.samples,
        "run_seed": run_seed,
        "reward_model": reward_model,
        "prompt_ids": [prompt.id for prompt in asked],
        **({"blind": blind} if blind else {}),
        "policies": {
            name: plain({**figures(texts, by_policy[chosen[0].name], rewards), **likelihoods.get(name, {})})
            for name, texts in by_policy.items()
        },
    }


def _reward_model(context: RunContext) -> str | None:
    """The name of the reward model that scores: the one named, else the latest, else none."""
    if context.settings.reward_model is not None:
        return str(context.settings.reward_model)
    latest = reward_models.latest(context.db)
    return latest.name if latest else None


def _ask_people(context: RunContext, reward_model: str | None) -> dict[str, Any]:
    evaluation = evaluations.of_run(context.db, context.run.id)
    asked = prompts.listing(context.db, split="holdout")
    if not asked:
        raise NothingToEvaluate("The study has no held-out prompts to judge policies on. Import more prompts.")

    def score(texts: Sequence[Completion]) -> list[float]:
        rewards = _rewards(context, reward_model, asked, texts)
        return [rewards[one.id].score for one in texts]

    if not evaluation.sealed:
        context.log(f"Evaluation {evaluation.id} was ended already: nothing is drawn for it.")
        return {"evaluation": evaluation.id, **NO_PAIRS}
    counts = ask_people(context, evaluation, asked, score)
    context.log(
        f"Evaluation {evaluation.id}: {counts['planned']} pairs planned, {counts['comparisons']} to be judged, blind; "
        f"{counts['equal']} of equal texts were dropped, {counts['held_back']} wait for a lead."
    )
    return {"evaluation": evaluation.id, **counts}


def _rewards(
    context: RunContext, name: str | None, asked: Sequence[Prompt], found: Sequence[Completion]
) -> dict[int, Rewarded]:
    """Normalised reward and its parts by completion id; empty where there is no reward model."""
    if name is None:
        return {}
    model = context.models.reward(context.models.reward_row(name))
    known = {prompt.id: prompt for prompt in asked}
    rewards: dict[int, Rewarded] = {}
    for start in range(0, len(found), REWARD_BATCH):
        context.between_steps("scoring", step=start, steps=len(found))
        batch = found[start : start + REWARD_BATCH]
        scores, parts = model.scores_and_parts([text_of(known[one.prompt_id], one, context.study) for one in batch])
        for one, score, (words, content, length) in zip(batch, scores, parts, strict=True):
            rewards[one.id] = Rewarded(score, words, content, length)
    context.new_phase()
    return rewards


def _write(context: RunContext, rewards: dict[int, Rewarded]) -> None:
    if rewards:
        lines = [json.dumps({"completion_id": key, "reward": value.score}) for key, value in rewards.items()]
        context.file("rewards.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _likelihoods(
    context: RunContext, chosen: Sequence[Policy], asked: Sequence[Prompt], by_policy: dict[str, list[Completion]]
) -> dict[str, dict[str, Any]]:
    """KL and perplexity by policy, over the first text on each prompt; empty where they are not asked for."""
    if not context.settings.likelihoods:
        return {}
    known = {prompt.id: prompt for prompt in asked}
    found = {}
    for policy in chosen:
        read = chances(context, policy, [one for one in by_policy[policy.name] if one.sample_index == 0], known)
        if read is not None:
            found[policy.name] = {"likelihood_texts" if key == "texts" else key: v for key, v in asdict(read).items()}
    return found
