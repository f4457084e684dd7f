"""What a simulated round came to: the hidden taste's verdict on the trained reward and on the new policy.

Everything is computed from an evaluation's completions (held-out prompts, drawn with a seed of their own, never judged)
and from the rewards that the round's reward model gave them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from feedback_store import completions as completion_rows
from feedback_store.completions import Completion
from feedback_store.database import Database
from feedback_store.policies import Policy
from feedback_store.runs import Run
from policy_training import guards
from rounds import statistics, tastes
from rounds.tastes import Taste


def reward_figures(base: Sequence[Completion], rewards: dict[int, float], taste: Taste, seed: int) -> dict[str, Any]:
    """Accuracy of the reward on pairs of the base's completions that the taste decides; None where it decides none."""
    by_prompt: dict[int, list[statistics.Completion]] = {}
    for one in base:
        seen = statistics.Completion(score(taste, one), rewards[one.id], len(one.text))
        by_prompt.setdefault(one.prompt_id, []).append(seen)
    names = ("reward_accuracy", "reward_accuracy_low", "reward_accuracy_high", "reward_pairs", "length_baseline")
    try:
        found = statistics.accuracy(by_prompt, seed)
    except ValueError:
        return {**dict.fromkeys(names), "reward_pairs": 0}
    reward = found.reward
    return dict(zip(names, (reward.value, reward.low, reward.high, reward.n, found.longer_wins), strict=True))


def share_figures(
    new: Sequence[Completion], base: Sequence[Completion], taste: Taste, seed: int
) -> dict[str, float | int]:
    """The mean over prompts of the share of its pairs of texts in which the taste prefers the new policy to the base,
    ties half, and the most that it could be."""
    scores = [_scores_by_prompt(new, taste), _scores_by_prompt(base, taste)]
    share = statistics.preferred_share(scores[0], scores[1], seed)
    return {
        "share": share.value,
        "share_low": share.low,
        "share_high": share.high,
        "share_max": statistics.highest_share(scores[1], tastes.BEST, seed),
        "share_prompts": share.n,
        "mean_taste": fmean(score(taste, one) for one in new),
        "mean_taste_base": fmean(score(taste, one) for one in base),
    }


def text_figures(new: Sequence[Completion], base: Sequence[Completion]) -> dict[str, float | None]:
    """Rates of cut-off and empty texts, mean length in tokens, and diversity over equal word counts."""
    beside = {(one.prompt_id, one.sample_index): one for one in base}
    pairs = [
        (one, beside[one.prompt_id, one.sample_index]) for one in new if (one.prompt_id, one.sample_index) in beside
    ]
    own, of_base = statistics.distinct_pairs(
        [tastes.words(one.text) for one, _ in pairs], [tastes.words(other.text) for _, other in pairs]
    )
    return {
        "cut_off_rate": _rate(new, _is_cut_off),
        "cut_off_rate_base": _rate(base, _is_cut_off),
        "empty_rate": _rate(new, lambda one: not one.text.strip()),
        "empty_rate_base": _rate(base, lambda one: not one.text.strip()),
        "identical_rate": _identical(new),
        "identical_rate_base": _identical(base),
        "mean_tokens": fmean(one.token_count or 0 for one in new),
        "mean_tokens_base": fmean(one.token_count or 0 for one in base),
        "distinct_2": _number(own),
        "distinct_2_base": _number(of_base),
        "distinct_2_ratio": _number(own / of_base) if of_base else None,
    }


def collapsed(figures: Mapping[str, Any], kl_nats: float | None, budget_nats: float) -> bool:
    """Whether a policy has collapsed: more empty, equal or repeating texts than the base by the guards' limits, or past
    the KL budget on held-out prompts (that of the texts by which training let it pass is within it always)."""
    ratio = figures["distinct_2_ratio"]
    empty, identical = (figures[f"{name}_rate"] - figures[f"{name}_rate_base"] for name in ("empty", "identical"))
    return (
        empty > guards.EMPTY_SHARE
        or identical > guards.IDENTICAL_SHARE
        or (ratio is not None and ratio < guards.DISTINCT_SHARE)
        or (kl_nats is not None and kl_nats > budget_nats)
    )


def evaluated(db: Database, run: Run) -> tuple[list[Completion], dict[int, float]]:
    """The completions that an evaluation with a reward model scored, and their rewards by completion id."""
    lines = (db.folder / "runs" / str(run.id) / "rewards.jsonl").read_text(encoding="utf-8").splitlines()
    rewards = {row["completion_id"]: float(row["reward"]) for row in map(json.loads, lines)}
    return completion_rows.get(db, list(rewards)), rewards


def report(db: Database, evaluation: Run, base: Policy, new: Policy, taste: Taste, seed: int) -> dict[str, Any]:
    """All figures of a round from its evaluation run."""
    found, rewards = evaluated(db, evaluation)
    of_base = [one for one in found if one.policy_id == base.id]
    of_new = [one for one in found if one.policy_id == new.id]
    return {
        **reward_figures(of_base, rewards, taste, seed),
        **share_figures(of_new, of_base, taste, seed),
        **text_figures(of_new, of_base),
    }


def score(taste: Taste, one: Completion) -> float:
    """What the taste says of a stored completion."""
    return taste(one.text, _is_cut_off(one))


def _scores_by_prompt(found: Sequence[Completion], taste: Taste) -> dict[int, list[float]]:
    scores: dict[int, list[float]] = {}
    for one in found:
        scores.setdefault(one.prompt_id, []).append(score(taste, one))
    return scores


def _is_cut_off(one: Completion) -> bool:
    return one.finish_reason == "length"


def _rate(found: Sequence[Completion], holds: Callable[[Completion], bool]) -> float:
    return fmean(holds(one) for one in found)


def _identical(found: Sequence[Completion]) -> float:
    """The share of texts that another one equals."""
    counts = Counter(one.text for one in found)
    return _rate(found, lambda one: counts[one.text] > 1)


def _number(value: float) -> float | None:
    return value if value == value else None
