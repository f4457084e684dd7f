"""Who can be relied on: bad annotators found, what their answers cost, side bias, real votes, ties.

Cells: `bad_people` (4 bad of 12, 100 labels each), `outside` (people outside the model), `side_bias` (100 people, 500
judgments each), `few_judgments` (few_judgments.py), `real_votes` and `ties` (real_votes.py). Intervals are 95 %.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks import argument_votes
from benchmarks.few_judgments import few_judgments
from benchmarks.intervals import interval, means, rounded
from benchmarks.real_votes import real_votes, ties
from benchmarks.setting import Setting
from benchmarks.simulated_groups import (
    BAD,
    GOOD,
    TASTES,
    Judged,
    by_profile,
    head_of,
    judged,
    known,
    scores_of,
    strength,
    unseen_accuracy,
)
from reward_training.annotator_model import Answers, cross_fitted, learn
from reward_training.annotator_settings import AnnotatorSettings
from reward_training.likelihood import FIRST, SECOND, Floats, outcome_probabilities
from rounds.simulated_annotators import PROFILES, Seen, judge


def bad_people(setting: Setting) -> dict[str, Any]:
    """AUC of telling 4 bad people from 8 good ones; accuracy on unseen debates against training on clean answers."""
    arguments, _ = argument_votes.read(setting)
    rows = []
    for trial in range(setting.trials(24, 2)):
        draw = np.random.default_rng([setting.seed, trial])
        scores = scores_of(arguments, TASTES[trial % len(TASTES)])
        kinds = [*GOOD, *draw.choice(BAD, size=4, replace=False)]
        names = [f"{kind}-{number}" for number, kind in enumerate(kinds)]
        group = judged(arguments, scores, names, set(names[:8]), draw)
        clean = group.only(group.good)
        l2 = strength(group)
        people = known(group, l2)
        heads = head_of(group, None, l2), head_of(group, people, l2), head_of(clean, None, strength(clean))
        accuracies = [
            unseen_accuracy(head, arguments, scores, np.random.default_rng([setting.seed, trial])) for head in heads
        ]
        reliabilities = np.array([people.people[name].reliability.value for name in names])
        rows.append([_auc(reliabilities[:8], reliabilities[8:]), *accuracies, accuracies[1] - accuracies[2],
                     accuracies[1] - accuracies[0], people.turns])  # fmt: skip
    names_of = ["auc", "unweighted", "weighted", "clean_only", "weighted_less_clean", "weighted_less_unweighted",
                "turns"]  # fmt: skip
    return {"trials": len(rows)} | means(names_of, np.array(rows))


def outside(setting: Setting) -> dict[str, Any]:
    """Accuracy on unseen debates with and without the annotator model, for people that it does not describe."""
    arguments, _ = argument_votes.read(setting)
    found: dict[str, Any] = {"trials": setting.trials(12, 1)}
    for name, make in OUTSIDE.items():
        gains = []
        for trial in range(found["trials"]):
            draw = np.random.default_rng([setting.seed, trial])
            scores = scores_of(arguments, TASTES[trial % len(TASTES)])
            group = make(arguments, scores, draw)
            l2 = strength(group)
            accuracies = [
                unseen_accuracy(head, arguments, scores, np.random.default_rng([setting.seed, trial]))
                for head in (head_of(group, None, l2), head_of(group, known(group, l2), l2))
            ]
            gains.append([*accuracies, accuracies[1] - accuracies[0]])
        found |= means([f"{name}_{part}" for part in ("unweighted", "weighted", "gain")], np.array(gains))
    return found


def _fatigue(arguments: argument_votes.Arguments, scores: Floats, draw: np.random.Generator) -> Judged:
    """Twelve people start careful; after half of their answers each click is more and more a coin."""

    def answer(person: str, done: int, left: Seen, right: Seen, draw: np.random.Generator) -> str:
        tired = draw.random() < max(0.0, (done - 50) / 60)
        return judge(PROFILES["random" if tired else "careful"], left, right, draw).side

    names = [f"careful-{number}" for number in range(12)]
    return judged(arguments, scores, names, set(names), draw, answer)


def _topic(arguments: argument_votes.Arguments, scores: Floats, draw: np.random.Generator) -> Judged:
    """Six people judge by length wherever a text speaks of `people`."""

    def answer(person: str, done: int, left: Seen, right: Seen, draw: np.random.Generator) -> str:
        touched = int(person.rsplit("-", 1)[1]) < 6 and "people" in left.text + right.text
        return judge(PROFILES["length_lover" if touched else "hasty"], left, right, draw).side

    names = [f"hasty-{number}" for number in range(12)]
    return judged(arguments, scores, names, set(names), draw, answer)


def _two_tastes(arguments: argument_votes.Arguments, scores: Floats, draw: np.random.Generator) -> Judged:
    """Eight people of the taste, four of another one (cheerful)."""
    others = dict(zip(arguments.texts, scores_of(arguments, "cheerful"), strict=True))

    def answer(person: str, done: int, left: Seen, right: Seen, draw: np.random.Generator) -> str:
        if int(person.rsplit("-", 1)[1]) >= 8:
            left, right = (Seen(seen.text, float(others[seen.text])) for seen in (left, right))
        return judge(PROFILES["careful"], left, right, draw).side

    names = [f"careful-{number}" for number in range(12)]
    return judged(arguments, scores, names, set(names[:8]), draw, answer)


def _copies(arguments: argument_votes.Arguments, scores: Floats, draw: np.random.Generator) -> Judged:
    """Eight people, and one who throws coins whose answers to 100 pairs came in under four names."""
    names = [f"hasty-{number}" for number in range(8)]
    group = judged(arguments, scores, [*names, "random-8"], set(names), draw, by_profile)
    rows = np.concatenate([np.arange(900), *[np.arange(800, 900)] * 3])
    people = [name for number, name in enumerate(group.answers.annotators)] + [
        f"random-{9 + number // 100}" for number in range(300)
    ]
    answers = Answers(people, group.answers.outcomes[rows], group.answers.side[rows], np.ones(len(rows)))
    groups = [group.groups[row] for row in rows]
    return Judged(group.differences[rows], answers, group.good[rows], groups, group.quality[rows])


OUTSIDE: dict[str, Callable[..., Judged]] = {
    "fatigue": _fatigue, "topic": _topic, "two_tastes": _two_tastes, "copies": _copies,
}  # fmt: skip


def side_bias(setting: Setting) -> dict[str, Any]:
    """How well the chance that the first shown wins at equal quality is told, over people with a bias of their own.

    Each follows quality in a share eta ~ Beta(8, 2) of answers, with a bias ~ Normal(0.1, 0.4); the rest of the answers
    come at rates of their own.
    """
    people, each, width = setting.trials(100, 20), setting.trials(500, 200), 20
    draw = np.random.default_rng(setting.seed)
    count = people * each
    differences = draw.normal(size=(count, width))
    quality = differences @ (draw.normal(size=width) * 1.5 / np.sqrt(width))
    who = np.repeat(np.arange(people), each)
    side = draw.choice([1.0, -1.0], size=count)
    bias, eta, own = draw.normal(0.1, 0.4, people), draw.beta(8, 2, people), draw.dirichlet([9, 2, 9], people)
    seen = outcome_probabilities(quality, -1.0, bias[who] * side)
    as_placed = np.where(side[:, None] > 0, own[who], own[who][:, ::-1])
    chances = eta[who, None] * seen + (1 - eta[who, None]) * as_placed
    outcomes = (draw.random(count)[:, None] > chances.cumsum(1)).sum(1).clip(0, 2)
    turn = cross_fitted(differences, outcomes, [str(row) for row in range(count)], 1e-4)
    assert turn is not None
    names = [str(person) for person in who]
    found = learn(Answers(names, outcomes, side, np.ones(count)), turn, AnnotatorSettings())
    equal = outcome_probabilities(np.zeros(people), -1.0, bias)
    left, right = (eta * equal[:, place] + (1 - eta) * own[:, place] for place in (FIRST, SECOND))
    truth = left / (left + right)
    told = [found.people[str(person)] for person in range(people)]
    errors = np.array([person.first_shown_wins.value for person in told]) - truth
    covered = [
        one.first_shown_wins.low <= real <= one.first_shown_wins.high for one, real in zip(told, truth, strict=True)
    ]
    covered_eta = [one.reliability.low <= real <= one.reliability.high for one, real in zip(told, eta, strict=True)]
    return {
        "people": people,
        "judgments_each": each,
        "mean_absolute_error": rounded(np.abs(errors).mean()),
        "mean_signed_error": rounded(errors.mean()),
        "signed_interval": interval(errors),
        "covered": rounded(np.mean(covered)),
        "reliability_covered": rounded(np.mean(covered_eta)),
        "reliability_absolute_error": rounded(
            np.mean([abs(one.reliability.value - real) for one, real in zip(told, eta, strict=True)])
        ),
        "turns": found.turns,
    }


CELLS = {
    "bad_people": bad_people,
    "outside": outside,
    "side_bias": side_bias,
    "few_judgments": few_judgments,
    "real_votes": real_votes,
    "ties": ties,
}


def _auc(good: Floats, bad: Floats) -> float:
    """Chance that a good one is above a bad one (Mann and Whitney); equal counts half."""
    ranks = rankdata(np.concatenate([good, bad]))
    return float((ranks[: len(good)].sum() - len(good) * (len(good) + 1) / 2) / (len(good) * len(bad)))
