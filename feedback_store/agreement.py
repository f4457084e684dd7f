"""How far people agree: pure functions over the frame of judgments (frames.judgments).

Sources: Krippendorff (2019), "Content Analysis", chapter 12, by the package `krippendorff`. Raw agreement is the
observed share, not corrected for chance: two who always tie agree in everything.
"""

import warnings
from collections.abc import Callable
from typing import Literal

import krippendorff
import numpy as np
import pandas
from numpy.typing import NDArray

from feedback_store import bootstrap
from feedback_store.preferences import pairs_of

VERDICTS = ["first", "tie", "second"]
SCALE = [-3, -2, -1, 0, 1, 2, 3]
"""The first much better, better, slightly better; a tie; the second slightly better, better, much better."""

PAIR = ["prompt_id", "comparison_id", "first", "second"]
COLUMNS = ["measure", "value", "low", "high", "pairs", "prompts", "verdicts"]

Statistic = Callable[[NDArray[np.intp]], float]


def verdicts(judgments: pandas.DataFrame) -> pandas.DataFrame:
    """Return one row a judgment and pair of completions: who said what of which two places of a comparison.

    `weight` is that of the pair in its ranking (2 / K), `scaled` the verdict on SCALE, nan for a decided one without
    strength. Skips are left out; of several answers of a person to one comparison the last counts.
    """
    said = judgments[judgments["skipped"].isna()].drop_duplicates(["comparison_id", "annotator"], keep="last")
    sign = {"first": -1, "tie": 0, "second": 1}
    rows = [
        (row.prompt_id, row.comparison_id, i, j, row.annotator, outcome, weight, _scaled(sign[outcome], row.strength))
        for row in said.itertuples()
        for i, j, outcome, weight in pairs_of(row.ranks)
    ]
    return pandas.DataFrame(rows, columns=[*PAIR, "annotator", "verdict", "weight", "scaled"])


def agreement(judgments: pandas.DataFrame, *, seed: int = 0, resamples: int = bootstrap.RESAMPLES) -> pandas.DataFrame:
    """Return how far people agree on the pairs that two or more of them judged, with 95 % intervals over prompts.

    - raw: the share of pairs of people that gave the same verdict, for each pair of completions, averaged over these
      (the pairs of a ranking of K weigh 2 / K each)
    - alpha nominal: Krippendorff's alpha of the verdicts first, tie, second
    - alpha ordinal: that of the verdicts with strength, on SCALE; decided verdicts without strength are left out

    Alpha is 1 where all agree, 0 where they agree as by chance. A value that is not defined (nobody judged the same
    pair, or everybody always said the same) is nan, and so is an interval of fewer than two prompts. Filter first:
    agreement of some people, of a round, of hold-out prompts.
    """
    said = verdicts(judgments)
    by_verdict = _counted(said, "verdict", VERDICTS)
    by_scale = _counted(said[said["scaled"].notna()], "scaled", SCALE)
    return pandas.DataFrame(
        [
            _measured("raw", by_verdict, _raw(by_verdict), seed, resamples),
            _measured("alpha nominal", by_verdict, _alpha(by_verdict, "nominal"), seed, resamples),
            _measured("alpha ordinal", by_scale, _alpha(by_scale, "ordinal"), seed, resamples),
        ],
        columns=COLUMNS,
    )


def _scaled(sign: int, strength: float | None) -> float:
    if sign == 0:
        return 0.0
    return float("nan") if strength is None or np.isnan(strength) else float(sign * strength)


def _counted(said: pandas.DataFrame, column: str, domain: list[str] | list[int]) -> pandas.DataFrame:
    """One row a pair that two or more people judged: how many gave each value of the domain, and the pair's weight."""
    counts = said.groupby([*PAIR, "weight", column]).size().unstack(fill_value=0).reindex(columns=domain, fill_value=0)
    return counts[counts.sum(axis=1) >= 2]


def _raw(counts: pandas.DataFrame) -> Statistic:
    n = counts.to_numpy(dtype=float)
    people = n.sum(axis=1)
    same = (n * (n - 1)).sum(axis=1) / (people * (people - 1))
    weight = counts.index.get_level_values("weight").to_numpy(dtype=float)
    return lambda rows: float(np.average(same[rows], weights=weight[rows])) if len(rows) else float("nan")


def _alpha(counts: pandas.DataFrame, level: Literal["nominal", "ordinal"]) -> Statistic:
    n = counts.to_numpy()

    def statistic(rows: NDArray[np.intp]) -> float:
        if not len(rows):
            return float("nan")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # one value only: 0 / 0, which is nan, as it is told
            return float(krippendorff.alpha(value_counts=n[rows], level_of_measurement=level))

    return statistic


def _measured(name: str, counts: pandas.DataFrame, statistic: Statistic, seed: int, resamples: int) -> list[object]:
    prompts = counts.index.get_level_values("prompt_id").to_numpy()
    value = statistic(np.arange(len(counts)))
    low, high = (bootstrap.of_one_mind(value, len(set(prompts))) if name == "raw" else None) or bootstrap.interval(
        statistic, prompts, seed=seed, resamples=resamples
    )
    return [name, value, low, high, len(counts), len(set(prompts)), int(counts.to_numpy().sum())]
