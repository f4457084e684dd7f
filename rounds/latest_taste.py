"""What the reward likes and dislikes: samples of a few held-out prompts with its scores, to be looked at.

By the refreshed reward where that has absorbed judgments that the trained one has not seen, else by the trained one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from feedback_store import behind_figures, completions, policies, prompts, reward_models
from feedback_store.completions import Completion
from feedback_store.database import Database
from language_models.seeds import completion_seed
from rounds.drawn_alike import draw_seeds
from rounds.prompts_looked_at import TASTE_SEED, taste_prompts
from rounds.refreshed_reward import Refreshed, features_of_completions
from rounds.settings import TrainRewardSettings


@dataclass(frozen=True)
class Scored:
    """A sample by its completion. `deviation`: the standard deviation of the score, None where it is not known."""

    completion_id: int
    score: float
    deviation: float | None


@dataclass(frozen=True)
class Taste:
    """Samples by prompt, best first. `judgments`: those that the refreshed reward absorbed, None for a trained one."""

    prompts: list[tuple[int, list[Scored]]]
    judgments: tuple[int, ...] | None


def taste_of(db: Database, refreshed: Refreshed | None) -> Taste:
    """What the newer of the two rewards says, or the refreshed one where no samples were drawn for the trained one; no
    prompts before the first of them."""
    model = reward_models.latest(db)
    kept = (model.metrics.get("taste") or []) if model else []
    seen = behind_figures.latest_seen(db, model.run_id) if model else 0
    if refreshed is not None and refreshed.judgments and (refreshed.judgments[-1] > seen or not kept):
        by_prompt = _by_refreshed(db, refreshed)
        if by_prompt:
            return Taste(by_prompt, refreshed.judgments)
    return Taste(
        [
            (one["prompt_id"], _best_first(Scored(int(key), value, None) for key, value in one["scores"].items()))
            for one in kept
        ],
        None,
    )


def taste_shown(db: Database, taste: Taste) -> list[dict[str, Any]]:
    """The best and the worst sample of each of these prompts as texts: [{prompt, samples, best, worst}], whose two
    ends are {completion_id, text, score, deviation}.
    """
    ends = [end for _, scored in taste.prompts for end in (scored[0], scored[-1])]
    said = {one.id: one.text for one in completions.get(db, [end.completion_id for end in ends])}
    asked = {prompt.id: prompt for prompt in prompts.listing(db, ids=[prompt_id for prompt_id, _ in taste.prompts])}

    def side(end: Scored) -> dict[str, Any]:
        known = {"completion_id": end.completion_id, "score": end.score, "deviation": end.deviation}
        return {**known, "text": said[end.completion_id]}

    return [
        {
            "prompt": "\n\n".join(turn["content"] for turn in asked[prompt_id].messages if turn["role"] != "system"),
            "samples": len(scored),
            "best": side(scored[0]),
            "worst": side(scored[-1]),
        }
        for prompt_id, scored in taste.prompts
    ]


def _by_refreshed(db: Database, refreshed: Refreshed) -> list[tuple[int, list[Scored]]]:
    """The samples to look at of the current policy, or of the nearest before it that wrote any, with features."""
    samples = _samples(db)
    vectors = features_of_completions(db, [one.id for one in samples])
    if not vectors:
        return []
    scores, deviations = refreshed.scores(list(vectors.values()))
    scored = {
        completion: Scored(completion, float(score), float(deviation))
        for completion, score, deviation in zip(vectors, scores, deviations, strict=True)
    }
    by_prompt: dict[int, list[Scored]] = {}
    for one in samples:
        if one.id in scored:
            by_prompt.setdefault(one.prompt_id, []).append(scored[one.id])
    return [(prompt_id, _best_first(found)) for prompt_id, found in by_prompt.items() if len(found) > 1]


def _samples(db: Database) -> list[Completion]:
    asked = taste_prompts(db, TrainRewardSettings().taste_prompts)
    policy = policies.current(db)
    while policy is not None:
        found = [one for prompt in asked for one in _of_one_prompt(db, prompt.id, policy.id)]
        if found:
            return found
        policy = policies.get(db, policy.parent_id) if policy.parent_id is not None else None
    return []


def _of_one_prompt(db: Database, prompt_id: int, policy_id: int) -> list[Completion]:
    """What a policy wrote for it to be looked at; where the study draws otherwise since, the newest that there are."""
    there = [
        one for one in completions.listing(db, prompt_id=prompt_id, policy_id=policy_id) if one.sample_index is not None
    ]
    for seed in draw_seeds(db, TASTE_SEED):
        if own := [one for one in there if one.seed == completion_seed(seed, prompt_id, one.sample_index or 0)]:
            return own
    return []


def _best_first(scored: Any) -> list[Scored]:
    return sorted(scored, key=lambda one: -one.score)
