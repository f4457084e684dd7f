"""Do the defaults of the reward's head, margins and knowing people, harm where judgments are few?

96 noisy answers of six simulated people (four careful, two hasty) who also say how much better (slightly, better, much:
thirds of a second noisy look). Heads are fitted on the very same answers, plain, with margins, with people and with
both, and order pairs of debates that nobody was asked about. Paired by seed: a seed's figure is the mean over tastes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import argument_votes
from benchmarks.intervals import means
from benchmarks.setting import Setting
from benchmarks.simulated_groups import TASTES, Judged, judged, known, scores_of, unseen_accuracy
from reward_training.head import LinearHead, choose_l2, fit_head
from reward_training.likelihood import TIE, Floats
from reward_training.settings import RewardSettings
from rounds.simulated_annotators import PROFILES

FIRST_SEED, SEEDS = 100, 20
PEOPLE = ("careful-0", "careful-1", "careful-2", "careful-3", "hasty-4", "hasty-5")
EACH = 16
WAYS = {"plain": (False, False), "margins": (True, False), "people": (False, True), "both": (True, True)}


def few_judgments(setting: Setting) -> dict[str, Any]:
    """Accuracy on unseen debates each way, and each way's less plain, paired."""
    arguments, _ = argument_votes.read(setting)
    rows = []
    for seed in range(FIRST_SEED + setting.seed, FIRST_SEED + setting.seed + setting.trials(SEEDS, 2)):
        of_seed = []
        for place, taste in enumerate(TASTES):
            draw = np.random.default_rng([seed, place])
            scores = scores_of(arguments, taste)
            group = judged(arguments, scores, PEOPLE, set(PEOPLE), draw, labels=EACH)
            margins = _margins(group, draw)
            of_seed.append(
                [
                    unseen_accuracy(
                        _head(group, margins if with_margins else None, with_people), arguments, scores,
                        np.random.default_rng([seed, place]),
                    )
                    for with_margins, with_people in WAYS.values()
                ]
            )  # fmt: skip
        rows.append(np.mean(of_seed, axis=0))
    found = np.array(rows)
    gains = found[:, 1:] - found[:, :1]
    names = [*WAYS, *(f"{name}_less_plain" for name in list(WAYS)[1:])]
    answers = len(PEOPLE) * EACH
    return {"trials": len(found), "answers": answers} | means(names, np.concatenate([found, gains], axis=1))


def _margins(group: Judged, draw: np.random.Generator) -> Floats:
    """The margin of each answer's strength: thirds of how far apart the texts look in a second noisy look."""
    noise = np.array([PROFILES[name.rsplit("-", 1)[0]].noise for name in group.answers.annotators])
    seen = np.abs(group.quality + draw.logistic(size=len(noise)) * noise)
    third = np.searchsorted(np.quantile(seen, [1 / 3, 2 / 3]), seen)
    margins = np.array(RewardSettings().loss.margins)[third]
    return np.where(group.answers.outcomes == TIE, 0.0, margins)


def _head(group: Judged, margins: Floats | None, with_people: bool) -> LinearHead:
    """As the product fits it (reward_training/training.py)."""
    answers, settings = group.answers, RewardSettings()
    l2, _ = choose_l2(
        group.differences, answers.outcomes, answers.weights, group.groups, settings.head_l2, margins=margins
    )
    people = known(group, l2) if with_people else None
    return fit_head(
        group.differences, answers.outcomes,
        answers.weights * (people.responsibilities if people else 1.0), l2,
        side_bias=people.side_bias if people else 0.0, margins=0.0 if margins is None else margins,
    )  # fmt: skip
