"""New against old, judged blind: what people's judgments of two policies say, and how sure it is. Pure; no torch.

A tie counts half. The interval is one of two, both with the prompt as the unit that is drawn, for judgments of one
prompt are alike:

- *Wilson's*, with continuity correction (R. Newcombe, "Two-sided confidence intervals for the single proportion",
  Statistics in Medicine 1998, method 4), on the effective number of judgments: few prompts, or nearly all alike. It
  stays inside 0 to 1 and is wide where nothing is known. Without the correction four wins of four would do to tell two
  policies apart, which equal ones reach in an eighth of cases; with it, it takes six (one in 32).
- *by prompt*, share ± t standard errors of a ratio over prompts (W. Cochran, Sampling Techniques, 1977, section 6.3; t
  is Student's of the effective number of prompts less one), what a bootstrap over prompts comes to where there are
  many: from an effective number of 10 prompts with at least five wins and losses. It is never narrower than Wilson's of
  as many judgments, each of its own prompt: prompts that happen to agree prove nothing.

Both are for one look. Who looks after each judgment and stops when the interval leaves a half is wrong more often than
one time in twenty: rounds/stop_rule.py is for that, with an interval that is never narrower, and
rounds/blind_results.py takes it ("every look") where an evaluation may have ended so. An interval of this file beside
such judgments is not adjusted for it; the result says so (`looked`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

SCORES = {"win": 1.0, "tie": 0.5, "loss": 0.0}
ERROR = 0.05  # of an interval, where nothing else is asked
Z = 1.959963984540054  # of a two-sided 95 % interval
MANY_PROMPTS = 10
FEWEST_OF_A_KIND = 5
MOST_MORE = 10_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BlindJudgment:
    """One blind judgment of two policies, from the newer one's side. `newer_first`: whether its text was shown first;
    None where that is not known. A pair of a ranking of K texts weighs 2 / K; all its pairs have its `judgment_id`,
    and count as one judgment.
    """

    judgment_id: int
    prompt_id: int
    held_out: bool
    outcome: Literal["win", "tie", "loss"]
    newer_first: bool | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class PolicyResult:
    """`share`: of judgments that the newer policy won, ties half; None without any, and then the interval is 0 to 1.

    `cannot_tell`: a half lies inside the interval. `more_judgments`: about how many more it would take, were the share
    to stay what it is; 0 where it can be told, None where the share is a half, where it would take more than 10,000, or
    where more judgments of the same prompts would not do.
    `first_shown_share`: how often the text that was shown first won, ties half. `held_out`: judgments on prompts that
    neither policy was trained on. `looked`: some judgments are of an evaluation that could end because of what they
    said; the interval is not adjusted for that, and too narrow. Of a ranking of several texts all pairs together are
    one judgment.
    """

    wins: float
    ties: float
    losses: float
    judgments: int
    held_out: int
    prompts: int
    share: float | None
    low: float
    high: float
    interval: Literal["none", "wilson", "by prompt", "every look"]
    cannot_tell: bool
    more_judgments: int | None
    first_shown_share: float | None
    looked: bool


def summarise(judgments: Sequence[BlindJudgment], *, looked: bool = False) -> PolicyResult:
    """What blind judgments of two policies come to."""
    score = np.array([SCORES[one.outcome] for one in judgments], dtype=np.float64)
    weight = np.array([one.weight for one in judgments], dtype=np.float64)
    wins, ties, losses = (float(weight[score == value].sum()) for value in (1.0, 0.5, 0.0))
    number = len({one.judgment_id for one in judgments})
    share, low, high, name, more = _estimate(score, weight, [one.prompt_id for one in judgments], number)
    return PolicyResult(
        wins=wins,
        ties=ties,
        losses=losses,
        judgments=number,
        held_out=len({one.judgment_id for one in judgments if one.held_out}),
        prompts=len({one.prompt_id for one in judgments}),
        share=share,
        low=low,
        high=high,
        interval=name,
        cannot_tell=low <= 0.5 <= high,
        more_judgments=more,
        first_shown_share=_first_shown(judgments, score, weight),
        looked=looked,
    )


def wilson(share: float, number: float, *, error: float = ERROR) -> tuple[float, float]:
    """The interval of a share of `number` trials, 95 % by default, with continuity correction; 0 to 1 without any."""
    if number <= 0:
        return 0.0, 1.0
    z = Z if error == ERROR else float(ndtri(1 - error / 2))
    middle, spread = 2 * number * share + z**2, 2 * (number + z**2)

    def root(p: float, sign: int) -> float:
        return math.sqrt(max(z**2 - 1 / number + 4 * number * p * (1 - p) + sign * (4 * p - 2), 0.0))

    low = 0.0 if share <= 0 else (middle - (z * root(share, 1) + 1)) / spread
    high = 1.0 if share >= 1 else (middle + (z * root(share, -1) + 1)) / spread
    return max(low, 0.0), min(high, 1.0)


def one_look(score: Floats, weight: Floats, prompt_ids: Sequence[int], *, error: float = ERROR) -> tuple[float, float]:
    """The interval, 95 % by default, of the weighted mean of scores from 0 to 1, over prompts; 0 to 1 without any."""
    _, low, high, _, _ = _estimate(score, weight, prompt_ids, len(score), error)
    return low, high


def design_effect(score: Floats, weight: Floats, prompt_ids: Sequence[int]) -> float:
    """How many times the variance of the scores' mean is what it would be were each of its own prompt (Kish 1965,
    section 8.2); at least 1, and 1 where no prompt has two scores or all scores are the same."""
    _, place = np.unique(np.asarray(prompt_ids), return_inverse=True)
    error, alone = _standard_errors(score, weight, place)
    return max((error / alone) ** 2, 1.0) if alone > 0 else 1.0


def _standard_errors(score: Floats, weight: Floats, place: NDArray[np.int64]) -> tuple[float, float]:
    """Of the weighted mean: with prompts as the unit, and were each judgment of its own prompt. 0 of one prompt."""
    total, prompts = float(weight.sum()), int(place.max()) + 1
    if prompts < 2:
        return 0.0, 0.0
    residual = weight * (score - float((score * weight).sum()) / total)
    correction = prompts / (prompts - 1)
    by_prompt, alone = (np.bincount(place, weights=residual) ** 2).sum(), (residual**2).sum()
    return math.sqrt(correction * float(by_prompt)) / total, math.sqrt(correction * float(alone)) / total


Estimated = tuple[float | None, float, float, Literal["none", "wilson", "by prompt"], int | None]


def _estimate(
    score: Floats, weight: Floats, prompt_ids: Sequence[int], judgments: int, interval_error: float = ERROR
) -> Estimated:
    total = float(weight.sum())
    if total <= 0:
        return None, 0.0, 1.0, "none", None
    share = float((score * weight).sum() / total)
    _, place = np.unique(np.asarray(prompt_ids), return_inverse=True)
    by_prompt = np.bincount(place, weights=weight)
    prompts = len(by_prompt)
    number = total**2 / float((by_prompt**2).sum())  # prompts, where all weigh alike (Kish 1965)
    few = min((weight * (score == value)).sum() for value in (1.0, 0.0)) < FEWEST_OF_A_KIND
    if number < MANY_PROMPTS or few:
        low, high = wilson(share, number, error=interval_error)
        needed = _needed(abs(share - 0.5))
        stuck = judgments >= 2 * prompts  # more of the same prompts would tell nothing
        more = None if needed is None or stuck else needed - number
        return share, low, high, "wilson", _more(low, high, more)
    error, alone = _standard_errors(score, weight, place)
    t = float(stdtrit(number - 1, 1 - interval_error / 2))
    least, most = wilson(share, total**2 / float((weight**2).sum()), error=interval_error)
    low, high = max(min(share - t * error, least), 0.0), min(max(share + t * error, most), 1.0)
    more = _more_by_prompt(abs(share - 0.5) / t, error, alone, judgments, judgments / prompts)
    return share, low, high, "by prompt", _more(low, high, more)


def _more_by_prompt(allowed: float, error: float, alone: float, judgments: int, of_each: float) -> float | None:
    """Judgments to come until the standard error is what is `allowed`, on these prompts; None where that is never.

    With m judgments of each of G prompts error^2 = b / G + w / (G m), between prompts and within, and `alone`^2 is
    (b + w) / (G m): only the second part falls with more judgments.
    """
    between = max(error**2 - alone**2, 0.0) * (of_each / (of_each - 1) if of_each > 1 else 0.0)
    within = max(error**2, alone**2) - between
    room = allowed**2 - between
    return within / room * judgments - judgments if room > 0 else None


def _needed(ahead: float) -> float | None:
    """Trials n at which Wilson's interval leaves a half: n ahead - 1/2 = Z sqrt(n) / 2."""
    if ahead == 0:
        return None
    return ((Z / 2 + math.sqrt(Z**2 / 4 + 2 * ahead)) / (2 * ahead)) ** 2


def _more(low: float, high: float, more: float | None) -> int | None:
    if not low <= 0.5 <= high:
        return 0
    if more is None or more > MOST_MORE:
        return None
    return max(math.ceil(more), 1)


def _first_shown(judgments: Sequence[BlindJudgment], score: Floats, weight: Floats) -> float | None:
    known = np.array([one.newer_first is not None for one in judgments], dtype=bool)
    if not known.any():
        return None
    first = np.array([bool(one.newer_first) for one in judgments], dtype=bool)
    won = np.where(first, score, 1 - score)
    return float((won * weight)[known].sum() / weight[known].sum())
