"""A few rollouts of an iteration, token by token, to be looked at: what each token was thought to be worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from language_models.token_texts import token_texts
from policy_training.learner import Learner
from policy_training.records import RolloutTokens

if TYPE_CHECKING:
    from policy_training.iterations import Iteration

LOOKED_AT = 4  # rollouts an iteration, the first ones
DIGITS = 6


def tokens_of(now: Iteration, learner: Learner) -> list[RolloutTokens]:
    """The first rollouts; with rewards, shaping and advantages where the algorithm said what they are."""
    rollouts, episodes = now.rollouts, now.episodes
    figures = {
        "log_prob": rollouts.log_probs,
        "reference_log_prob": rollouts.reference,
        "kl": rollouts.log_probs - rollouts.reference,
        "entropy": rollouts.entropy,
        "value": rollouts.values if learner.value_head is not None else None,
        "reward": episodes.rewards if episodes else None,
        "shaping": episodes.shaping if episodes else None,
        "advantage": now.advantages,
    }
    return [
        RolloutTokens(
            prompt_id=item.id,
            finished=sampled.finished,
            score=float(rollouts.scores[row]),
            rewarded=float(episodes.scores[row]) if episodes else None,
            beta=now.metrics.get("beta", 0.0),
            tokens=token_texts(sampled.token_ids, learner.model.tokenizer.decode),
            figures={
                name: _rounded(whole[row, : len(sampled.token_ids)].tolist())
                for name, whole in figures.items()
                if whole is not None
            },
        )
        for row, (item, sampled) in enumerate(zip(rollouts.items[:LOOKED_AT], rollouts.sampled, strict=False))
    ]


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, DIGITS) for value in values]
