"""Whether choosing pairs by rule pays in this study: its own judgments on chosen pairs against those on random ones.

A head is fitted to as many judged pairs of each kind, several times on a subset drawn anew where one kind has more, and
both are tested on held-out pairs that chance drew (an import may bring others). The interval is over held-out prompts
(mean_interval.py); how the training subsets were drawn is averaged over, not in it. Torch-free.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from feedback_store import newest_judgments, preferences
from feedback_store.database import Database
from feedback_store.preferences import Preference
from reward_training.bayesian_head import Answers, Directions, expected_precision, fit_by_evidence
from reward_training.likelihood import OUTCOMES, Floats
from reward_training.mean_interval import mean_interval
from rounds.refreshed_reward import MOST_JUDGMENTS, features_of_completions

FEWEST_JUDGED = 20  # pairs of each kind
FEWEST_PAIRS = 20  # decided held-out ones
DRAWS = 8


def compare(db: Database) -> dict[str, Any] | None:
    """{rule, judgments, pairs, chosen, random, low, high}: accuracies of both, and the interval of chosen - random.
    `judgments` counts judged pairs of each kind: a ranking of several completions is several.

    None where no pair was chosen by a rule yet, or where there is too little to compare (held-out pairs of one prompt).
    """
    kept = newest_judgments.training(db, MOST_JUDGMENTS)
    found = [one for one in preferences.derive(db, kept) if one.first_id is not None]
    rules = newest_judgments.chosen_by(db, [one.comparison_id for one in found])
    used = [rules[one.comparison_id] for one in found if rules[one.comparison_id] in ("margin", "information")]
    if not used:
        return None
    rule = max(set(used), key=used.count)
    held = newest_judgments.training(db, MOST_JUDGMENTS, split="holdout")
    test = [one for one in preferences.derive(db, held) if one.outcome != "tie" and one.at_random]
    ids = {text for one in [*found, *test] for text in (one.first_id, one.second_id) if text is not None}
    vectors = features_of_completions(db, sorted(ids))
    known = [one for one in found if one.first_id in vectors and one.second_id in vectors]
    test = [one for one in test if one.first_id in vectors and one.second_id in vectors]
    arms = [[one for one in known if rules[one.comparison_id] == name] for name in (rule, "random")]
    number = min(map(len, arms))
    if number < FEWEST_JUDGED or len(test) < FEWEST_PAIRS:
        return None
    matrix = np.stack(list(vectors.values()))
    directions = Directions.of(matrix)
    coordinates = dict(zip(vectors, directions.coordinates(matrix)[0], strict=True))
    right = [_right(arm, number, test, coordinates) for arm in arms]
    difference = right[0] - right[1]
    held_out = [str(one.prompt_id) for one in test]
    low, high = mean_interval(difference, np.ones(len(difference)), held_out, least=-1.0)
    if low is None:
        return None
    return {
        "rule": rule,
        "judgments": number,
        "pairs": len(test),
        "chosen": float(right[0].mean()),
        "random": float(right[1].mean()),
        "low": low,
        "high": high,
    }


def _right(arm: list[Preference], number: int, test: list[Preference], coordinates: dict[int, Floats]) -> Floats:
    """(T,) how often each held-out pair is told right by heads fitted to `number` pairs of an arm."""
    differences, outcomes, weights = _answers(arm, coordinates)
    tested, said, _ = _answers(test, coordinates)
    signs = np.where(said == OUTCOMES["first"], 1.0, -1.0)
    expected = expected_precision(np.stack(list(coordinates.values())))
    draw = np.random.default_rng(0)
    total = np.zeros(len(test))
    for _ in range(DRAWS if len(arm) > number else 1):
        rows = draw.choice(len(arm), size=number, replace=False)
        head = fit_by_evidence(Answers.of(differences[rows], outcomes[rows], weights[rows]), expected)
        signed = signs * head.rewards(tested)
        total += (signed > 0) + 0.5 * (signed == 0)
    return total / (DRAWS if len(arm) > number else 1)


def _answers(
    found: list[Preference], coordinates: dict[int, Floats]
) -> tuple[Floats, np.ndarray[Any, np.dtype[np.int64]], Floats]:
    return (
        np.array([coordinates[one.first_id or 0] - coordinates[one.second_id] for one in found]),
        np.array([OUTCOMES[one.outcome] for one in found], dtype=np.int64),
        np.array([one.weight for one in found]),
    )
