"""Phi(s_t) = weight times the reward of what is written so far.

A reward that says early what a completion will come to tells the policy at which token it went right or wrong, long
before the last one. To read the reward of every prefix costs a score a token, so a state counts as its longest prefix
of a multiple of `every` tokens: still a function of the state alone, so the optimum stays what it is.
"""

from collections.abc import Callable, Sequence

from language_models.sampling import Sampled
from policy_training.records import Potential, PromptItem, RewardFunction
from policy_training.shaping import BadPotential


def running_reward(
    reward: RewardFunction, text: Callable[[Sequence[int]], str], weight: float, every: int = 8
) -> Potential:
    """`text` makes the text of token ids that are no whole completion; prefixes reach the reward as completions that
    were cut off. Raises BadPotential where it gives another number of scores."""

    def potential(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[list[float]]:
        prefixes = [
            (item, Sampled(one.token_ids[:length], text(one.token_ids[:length]), "length"))
            for item, one in zip(items, sampled, strict=True)
            for length in range(0, len(one.token_ids) + 1, every)
        ]
        found = reward([item for item, _ in prefixes], [prefix for _, prefix in prefixes])
        if len(found) != len(prefixes):
            raise BadPotential(f"the reward gave {len(found)} scores for {len(prefixes)} prefixes: one each is needed")
        scores, rows = iter(found), []
        for one in sampled:
            read = [weight * next(scores) for _ in range(len(one.token_ids) // every + 1)]
            rows.append([read[t // every] for t in range(len(one.token_ids) + 1)])
        return rows

    return potential
