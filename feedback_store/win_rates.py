"""How often a policy's completions were preferred to another's: a pure function over the frame of judgments.

Filter first: comparisons that were drawn at random (`is_random`) on hold-out prompts say how good a policy is; those
that a rule chose because they are hard do not.
"""

import numpy as np
import pandas

from feedback_store import bootstrap
from feedback_store.preferences import pairs_of

SCORES = {"first": 1.0, "tie": 0.5, "second": 0.0}
COLUMNS = ["policy", "opponent", "win_rate", "low", "high", "wins", "ties", "losses", "judgments", "prompts"]


def win_rates(judgments: pandas.DataFrame, *, seed: int = 0, resamples: int = bootstrap.RESAMPLES) -> pandas.DataFrame:
    """Return one row for each policy and opponent that people compared: `win_rate` of the policy with its 95 % interval
    over prompts (nan where there are fewer than two), and what it was counted from.

    Ties (both bad too) count half. The pairs of a ranking of K completions weigh 2 / K each, so `wins`, `ties` and
    `losses` may be broken numbers. Each two policies stand in two rows, once from each side. Skips, and two completions
    of one policy, say nothing here.
    """
    pairs = _pairs(judgments)
    rows = []
    for (policy, opponent), part in pairs.groupby(["policy", "opponent"]):
        score, weight = part["score"].to_numpy(), part["weight"].to_numpy()

        def rate(chosen: np.ndarray, score: np.ndarray = score, weight: np.ndarray = weight) -> float:
            return float(np.average(score[chosen], weights=weight[chosen]))

        share, prompts = rate(np.arange(len(part))), part["prompt_id"].nunique()
        low, high = bootstrap.of_one_mind(share, prompts) or bootstrap.interval(
            rate, part["prompt_id"].to_numpy(), seed=seed, resamples=resamples
        )
        counts = [float(weight[score == value].sum()) for value in (1.0, 0.5, 0.0)]
        rows.append([policy, opponent, share, low, high, *counts, part["judgment_id"].nunique(), prompts])
    return pandas.DataFrame(rows, columns=COLUMNS)


def _pairs(judgments: pandas.DataFrame) -> pandas.DataFrame:
    rows = []
    for row in judgments[judgments["skipped"].isna()].itertuples():
        for i, j, outcome, weight in pairs_of(row.ranks):
            one, other, score = row.policies[i], row.policies[j], SCORES[outcome]
            if one != other:
                rows.append((row.id, row.prompt_id, one, other, score, weight))
                rows.append((row.id, row.prompt_id, other, one, 1 - score, weight))
    return pandas.DataFrame(rows, columns=["judgment_id", "prompt_id", "policy", "opponent", "score", "weight"])
