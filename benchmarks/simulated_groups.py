"""Groups of simulated people who judge real arguments by a hidden taste, and what a reward learns from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.argument_votes import Arguments
from reward_training.annotator_model import AnnotatorModel, Answers, cross_fitted, learn
from reward_training.annotator_settings import AnnotatorSettings
from reward_training.head import LinearHead, choose_l2, fit_head
from reward_training.likelihood import FIRST, SECOND, TIE, Floats
from reward_training.settings import RewardSettings
from rounds.simulated_annotators import PROFILES, Seen, judge
from rounds.tastes import taste

TASTES = ("lists", "concise", "mix")
GOOD = ("careful",) * 5 + ("hasty",) * 3
BAD = ("left_clicker", "length_lover", "random", "always_tie", "inverted")
LABELS = 100
SIDES = {"left": 1.0, "tie": 0.0, "right": -1.0}

Judge = Callable[[str, int, Seen, Seen, np.random.Generator], str]
"""(person, how many answers before, left, right, draw) -> left, tie or right."""


@dataclass(frozen=True)
class Judged:
    """N answers of a group on differences of features; `good` tells those of people who follow the taste, `quality`
    what the taste says of first less second."""

    differences: Floats
    answers: Answers
    good: NDArray[np.bool_]
    groups: list[str]
    quality: Floats

    def only(self, rows: NDArray[np.bool_]) -> "Judged":
        """Some of the answers."""
        answers = Answers(
            [name for name, taken in zip(self.answers.annotators, rows, strict=True) if taken],
            self.answers.outcomes[rows], self.answers.side[rows], self.answers.weights[rows],
        )  # fmt: skip
        groups = [self.groups[row] for row in np.flatnonzero(rows)]
        return Judged(self.differences[rows], answers, self.good[rows], groups, self.quality[rows])


def by_profile(person: str, done: int, left: Seen, right: Seen, draw: np.random.Generator) -> str:
    """As the profile answers that the person's name begins with."""
    return judge(PROFILES[person.rsplit("-", 1)[0]], left, right, draw).side


def judged(
    arguments: Arguments, scores: Floats, people: Sequence[str], good: set[str], draw: np.random.Generator,
    answer: Judge = by_profile, labels: int = LABELS,
) -> Judged:  # fmt: skip
    """Everybody answers so many random pairs of debates that are not kept."""
    allowed = [np.flatnonzero(arguments.debates == debate) for debate in np.unique(arguments.debates[~arguments.kept])]
    first, second, side, outcomes, names, groups = [], [], [], [], [], []
    for person in people:
        for done in range(labels):
            debate = int(draw.integers(len(allowed)))
            one, other = (int(row) for row in draw.choice(allowed[debate], size=2, replace=False))
            on_left = draw.choice([1.0, -1.0])
            seen = [Seen(arguments.texts[row], float(scores[row])) for row in (one, other)]
            said = SIDES[answer(person, done, *(seen if on_left > 0 else seen[::-1]), draw)] * on_left
            outcomes.append(TIE if said == 0 else FIRST if said > 0 else SECOND)
            first.append(one)
            second.append(other)
            side.append(on_left)
            names.append(person)
            groups.append(f"{min(one, other)}")
    answers = Answers(names, np.array(outcomes), np.array(side), np.ones(len(side)))
    found = np.array([name in good for name in names])
    quality = scores[first] - scores[second]
    return Judged(arguments.features[first] - arguments.features[second], answers, found, groups, quality)


def scores_of(arguments: Arguments, name: str) -> Floats:
    """What a hidden taste says of every argument; a flawed text is as bad as the worst sound one."""
    return np.array([max(0.0, taste(name)(text, False)) for text in arguments.texts])


def head_of(group: Judged, people: AnnotatorModel | None, l2: float) -> LinearHead:
    """The head fitted on a group's answers, with or without what is known of the people."""
    answers = group.answers
    if people is not None:
        answers = replace(answers, weights=answers.weights * people.responsibilities)
    bias = people.side_bias if people is not None else 0.0
    return fit_head(group.differences, answers.outcomes, answers.weights, l2, side_bias=bias)


def strength(group: Judged) -> float:
    """The ridge that cross-validation picks."""
    answers = group.answers
    candidates = RewardSettings().head_l2
    return choose_l2(group.differences, answers.outcomes, answers.weights, group.groups, candidates)[0]


def known(group: Judged, l2: float) -> AnnotatorModel:
    """What the answers tell about the people."""
    turn = cross_fitted(group.differences, group.answers.outcomes, group.groups, l2)
    assert turn is not None  # there are hundreds of groups
    return learn(group.answers, turn, AnnotatorSettings())


def unseen_accuracy(head: LinearHead, arguments: Arguments, scores: Floats, draw: np.random.Generator) -> float:
    """Share of random pairs within the kept debates, decided by the taste, that the head orders as the taste does."""
    right = []
    for debate in np.unique(arguments.debates[arguments.kept]):
        rows = np.flatnonzero(arguments.debates == debate)
        one, other = draw.choice(rows, size=1500), draw.choice(rows, size=1500)
        truth = scores[one] - scores[other]
        said = (arguments.features[one] - arguments.features[other]) @ head.weights
        right.append((np.sign(said) == np.sign(truth))[truth != 0])
    return float(np.concatenate(right).mean())
