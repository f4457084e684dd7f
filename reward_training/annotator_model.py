"""Who can be relied on, learned together with the reward by expectation maximisation. Free of torch.

Kept from noise-aware Bradley-Terry (X. Chen et al., "Pairwise ranking aggregation in a crowdsourced setting", WSDM
2013: one reliability a person, learned with the strengths) and from A. Dawid and A. Skene (Applied Statistics 1979):
expectation (how likely is it that this answer follows quality?) and maximisation (the reward, with these chances as
weights) in turns. Added: ties, side bias, own rates in place of a coin, and priors. The model of a person is in
person_posterior.py. Left out: difficulty of a pair, skill by topic; people's own leans to ties in the fit of the reward
(on 61,186 real votes they changed nothing that could be told), and one weight a person in place of one an answer (it
foretold held-out votes less well).

- The reward comes in as a callable, `fit(weights, side_bias) -> (differences, log nu)`: a head on features, or
  strengths of items. Its differences should be cross-fitted: a reward that has seen an answer finds it right whoever
  gave it.
- Answers of inverted people lose their weight, they are not turned round: what was said is never made its opposite.
- Check questions (an expert's answer is known) and repeats tell about people and do not train the reward.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reward_training.annotator_settings import AnnotatorSettings
from reward_training.head import FOLDS, LinearHead, fit_head, folds_of
from reward_training.likelihood import FIRST, SECOND, TIE, WINNER, Floats, outcome_probabilities
from reward_training.person_posterior import FINE, Estimate, Look, Prior, Rows, described, look, tie_lean

EXPERT_DIFFERENCE = 2.0
"""Logits between the completions of a check question: people who look agree with the expert in seven of eight."""
SAME_PAIR_VARIANCE = 1.0
"""Of what a person sees in one pair beyond the reward: a first answer moves what is expected of its repeat by this
times the derivative of its log-probability, one Newton step on a Gaussian prior."""
OWN_RATES_PRIOR = 10.0
"""Answers at everybody's rates that a person's own rates start from."""
LEAST = 1e-6
"""Responsibility of an answer at least: weights never add up to nothing."""
COMMON_LEAN_PRIOR = 5.0
"""People without side bias that the common lean, from which everybody's own is estimated, starts from."""
SETTLED = 0.02
STEPS_A_TURN = 30

Fit = Callable[[Floats, Floats], tuple[Floats, float]]


@dataclass(frozen=True)
class Answers:
    """N answers. `annotators`: None where nobody knows whose. `side`: +1 where the first was shown first, -1 where the
    second was, 0 where nobody knows."""

    annotators: Sequence[str | None]
    outcomes: NDArray[np.int64]
    side: Floats
    weights: Floats


@dataclass(frozen=True)
class Evidence:
    """M answers that tell about people only. `expert`: what the expert said (FIRST, TIE, SECOND), -1 for a repeat;
    `repeats`: the row of the answer that it repeats, -1 for a check question."""

    annotators: Sequence[str]
    outcomes: NDArray[np.int64]
    side: Floats
    expert: NDArray[np.int64]
    repeats: NDArray[np.int64]


@dataclass(frozen=True)
class Person:
    """One person: `answers` that trained, `checks` and `repeats` beside them, shares of what was said."""

    answers: int
    checks: int
    repeats: int
    reliability: Estimate
    inverted: float
    side_bias: Estimate
    tie_lean: Estimate
    first_shown_wins: Estimate
    ties: float
    lefts: float | None
    rights: float | None


@dataclass(frozen=True)
class AnnotatorModel:
    """`responsibilities` (N,): how likely each answer follows quality; `side_bias` (N,): logits towards the first."""

    responsibilities: Floats
    side_bias: Floats
    people: dict[str, Person]
    turns: int
    settled: bool


NO_EVIDENCE = Evidence([], np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))


def learn(answers: Answers, fit: Fit, settings: AnnotatorSettings, evidence: Evidence = NO_EVIDENCE) -> AnnotatorModel:
    """Turns until no responsibility moves by more than SETTLED, or as many as the settings allow."""
    people = _People(answers, evidence, settings)
    given = answers.weights
    responsibilities, bias = np.full(len(given), people.expected), np.zeros(len(given))
    turns, settled = 0, False
    while not settled and turns < settings.iterations:
        differences, log_nu = fit(given * responsibilities, bias)
        looks = people.looks(differences, log_nu)
        people.lean_together(looks)
        before = responsibilities
        responsibilities, bias = people.responsibilities(looks, differences, log_nu)
        settled, turns = bool(np.abs(responsibilities - before).max() < SETTLED), turns + 1
    return AnnotatorModel(responsibilities, bias, people.described(differences, log_nu), turns, settled)


def cross_fitted(differences: Floats, outcomes: NDArray[np.int64], groups: Sequence[str], l2: float) -> Fit | None:
    """The M-step of a head on (N, H) differences of features: each pair is read by the head of the other folds, which
    goes on from where it was. None where there are too few groups to hold any out."""
    if len(set(groups)) < FOLDS:
        return None
    folds = folds_of(groups)
    heads: dict[int, LinearHead] = {}

    def fit(weights: Floats, side_bias: Floats) -> tuple[Floats, float]:
        read = np.zeros(len(outcomes))
        for fold in range(folds.max() + 1):
            inside = folds != fold
            heads[fold] = fit_head(
                differences[inside], outcomes[inside], weights[inside], l2, heads.get(fold),
                side_bias=side_bias[inside], most_steps=STEPS_A_TURN if fold in heads else 500,
            )  # fmt: skip
            read[~inside] = differences[~inside] @ heads[fold].weights
        return read, float(np.mean([head.log_nu for head in heads.values()]))

    return fit


class _People:
    """Everybody's answers, by person: those that train first, the evidence behind them."""

    def __init__(self, answers: Answers, evidence: Evidence, settings: AnnotatorSettings) -> None:
        self.answers, self.evidence = answers, evidence
        self.prior = Prior(settings.reliable, settings.unreliable, settings.side_bias_sd)
        self.expected = settings.reliable / (settings.reliable + settings.unreliable)
        self.outcomes = np.concatenate([answers.outcomes, evidence.outcomes])
        self.side = np.concatenate([answers.side, evidence.side])
        self.weights = np.concatenate([answers.weights, np.ones(len(evidence.outcomes))])
        self.rows: dict[str, list[int]] = {}
        for row, name in enumerate([*answers.annotators, *evidence.annotators]):
            if name is not None:
                self.rows.setdefault(name, []).append(row)
        everybody = self._rates(slice(None), np.full(3, 1 / 3), 3.0)
        self.own = {name: self._rates(np.array(rows), everybody, OWN_RATES_PRIOR) for name, rows in self.rows.items()}
        self.chances = np.full(len(self.outcomes), 1 / 3)  # P_own of each answer given
        for name, members in self.rows.items():
            self.chances[members] = self._own_chances(name, np.array(members))

    def _rates(self, rows: NDArray[np.int64] | slice, start: Floats, strength: float) -> Floats:
        """Smoothed rates of left, tie and right; where the sides are not known a decided answer is half of each."""
        leans, weights = WINNER[self.outcomes[rows]] * self.side[rows], self.weights[rows]
        unknown = weights[(self.side[rows] == 0) & (self.outcomes[rows] != TIE)].sum() / 2
        left, right = weights[leans > 0].sum() + unknown, weights[leans < 0].sum() + unknown
        counts = np.array([left, weights[self.outcomes[rows] == TIE].sum(), right])
        return np.asarray((counts + strength * start) / (counts.sum() + strength))

    def _own_chances(self, name: str, rows: NDArray[np.int64]) -> Floats:
        """P_own of each answer given."""
        left, tie, right = self.own[name]
        leans = WINNER[self.outcomes[rows]] * self.side[rows]
        decided = np.select([leans > 0, leans < 0], [left, right], (left + right) / 2)
        return np.where(self.outcomes[rows] == TIE, tie, decided)

    def looks(self, differences: Floats, log_nu: float) -> dict[str, Look]:
        """What everybody's answers say, given what the reward says of the N pairs."""
        return {name: look(rows, log_nu, self.prior) for name, rows in self._said(differences, log_nu)}

    def _said(self, differences: Floats, log_nu: float) -> Iterator[tuple[str, Rows]]:
        known, offsets = self._evidence_differences(differences, log_nu)
        seen = np.concatenate([differences, known])
        moved = np.concatenate([np.zeros_like(differences), offsets])
        for name, members in self.rows.items():
            rows, own = np.array(members), self.chances[members]
            yield name, Rows(seen[rows], self.outcomes[rows], self.side[rows], self.weights[rows], moved[rows], own)

    def lean_together(self, looks: dict[str, Look]) -> None:
        """The next turn expects of everybody the side bias that reliable people have in common."""
        shares = np.array([(1 - found.inverted) * found.eta for found in looks.values()])
        biases = np.array([found.side_bias for found in looks.values()])
        self.prior = replace(self.prior, side_bias=float(shares @ biases / (shares.sum() + COMMON_LEAN_PRIOR)))

    def _evidence_differences(self, differences: Floats, log_nu: float) -> tuple[Floats, Floats]:
        """What is known of the pairs of the evidence, and what a first answer adds to it."""
        evidence = self.evidence
        known, offsets = np.zeros(len(evidence.outcomes)), np.zeros(len(evidence.outcomes))
        checks = evidence.expert >= 0
        known[checks] = EXPERT_DIFFERENCE * WINNER[evidence.expert[checks]]
        original = evidence.repeats[~checks]
        said = outcome_probabilities(differences[original], log_nu)
        lean = WINNER[self.answers.outcomes[original]] - (said[:, FIRST] - said[:, SECOND])
        known[~checks], offsets[~checks] = differences[original], SAME_PAIR_VARIANCE * lean / 2
        return known, offsets

    def responsibilities(self, looks: dict[str, Look], differences: Floats, log_nu: float) -> tuple[Floats, Floats]:
        """(N,) chance that each training answer follows quality, and (N,) its author's lean towards the first."""
        count = len(differences)
        eta, upright, bias = np.full(count, np.nan), np.ones(count), np.zeros(count)
        for name, found in looks.items():
            rows = [row for row in self.rows[name] if row < count]
            eta[rows], upright[rows] = found.eta, 1 - found.inverted
            bias[rows] = self.side[rows] * found.side_bias
        chances = outcome_probabilities(differences, log_nu, bias)[np.arange(count), self.answers.outcomes]
        follows = upright * eta * chances / (eta * chances + (1 - eta) * self.chances[:count])
        return np.where(np.isnan(eta), self.expected, np.maximum(follows, LEAST)), bias

    def described(self, differences: Floats, log_nu: float) -> dict[str, Person]:
        """Everybody as a report shows them."""
        return {name: self._person(rows, name, log_nu) for name, rows in self._said(differences, log_nu)}

    def _person(self, said: Rows, name: str, log_nu: float) -> Person:
        rows, seen = np.array(self.rows[name]), look(said, log_nu, self.prior, FINE)
        found = described(seen, log_nu, (float(self.own[name][0]), float(self.own[name][2])))
        trained = int((rows < len(self.answers.outcomes)).sum())
        checks = int((self.evidence.expert[rows[trained:] - len(self.answers.outcomes)] >= 0).sum())
        sided = self.side[rows] != 0
        leans = WINNER[self.outcomes[rows]] * self.side[rows]
        return Person(
            answers=trained,
            checks=checks,
            repeats=len(rows) - trained - checks,
            reliability=found.reliability,
            inverted=found.inverted,
            side_bias=found.side_bias,
            tie_lean=tie_lean(said, log_nu, seen),
            first_shown_wins=found.first_shown_wins,
            ties=float((self.outcomes[rows] == TIE).mean()),
            lefts=float((leans[sided] > 0).mean()) if sided.any() else None,
            rights=float((leans[sided] < 0).mean()) if sided.any() else None,
        )
