"""Several heads on the same features, and what they say together. Free of torch.

Each is fitted to the judgments drawn anew by group, with replacement: where they disagree, the judgments do not tell.
T. Coste, U. Anwar, R. Kirk and D. Krueger, "Reward model ensembles help mitigate overoptimization", 2023,
https://arxiv.org/abs/2310.02743, Eq. 3 to 5: mean, worst case (WCO), mean minus a multiple of the variance (UWO).
Kept: the three combinations. Left out: ensembles of whole models; these share trunk and adapter, so they cost nothing
to score with and differ less.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reward_training.bayesian_head import Answers, fit
from reward_training.ensemble_settings import Combination
from reward_training.likelihood import Floats

FEWEST_GROUPS = 4


def bootstrap_heads(answers: Answers, groups: Sequence[str], precision: float, members: int, seed: int) -> Floats:
    """(E, K) weights of E heads, each fitted to as many groups as there are, drawn with replacement. Of fewer than
    FEWEST_GROUPS single answers are drawn: of one group every draw is the same, and all heads would agree on what
    nobody knows."""
    width = answers.differences.shape[1]
    if len(set(groups)) < FEWEST_GROUPS:
        groups = [str(number) for number in range(len(groups))]
    names = sorted(set(groups))
    place = {name: number for number, name in enumerate(names)}
    of_answer = np.array([place[group] for group in groups], dtype=np.int64)
    generator = np.random.default_rng([seed, 11])
    heads = np.zeros((members, width))
    for member in range(members):
        counts = np.bincount(generator.integers(len(names), size=len(names)), minlength=len(names))
        drawn = replace(answers, weights=answers.weights * counts[of_answer])
        heads[member] = fit(drawn, precision).mean
    return heads


def combine(how: Combination, head: Floats, members: Floats, penalty: float) -> Floats:
    """(M,) scores of the reward's own head and (E, M) of the others -> (M,) scores.

    `penalty` multiplies the variance in mean-minus-variance; the others do not read it. Raises ValueError where
    members are asked for and there are none.
    """
    if how == "head":
        return head
    if not len(members):
        raise ValueError(
            f"The reward was trained without further heads; {how!r} needs some. Train it again with "
            "reward.ensemble.members=5, or take reward_combination=head."
        )
    if how == "worst":
        return np.asarray(members.min(0))
    mean = members.mean(0)
    return np.asarray(mean if how == "mean" else mean - penalty * members.var(0))
