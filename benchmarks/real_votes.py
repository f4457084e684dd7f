"""UKPConvArg1's own votes under strengths of arguments: what knowing people and modelling ties is worth.

A fifth of the votes is held out; the other votes on the same comparisons train. A vote is read twice: by its author
(`vote_with_its_author`: their reliability, tie lean and own rates) and as anybody's (`anybodys_vote`: by the strengths
alone, with temperature and tie parameter fitted on other comparisons, for pooled strengths too).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import spearmanr

from benchmarks import argument_votes
from benchmarks.argument_votes import Votes
from benchmarks.intervals import relative_gain, resampled, rounded
from benchmarks.setting import KEPT_OUT, Setting
from reward_training.annotator_model import AnnotatorModel, Answers, Person, learn
from reward_training.annotator_settings import AnnotatorSettings
from reward_training.calibration import fit_temperature
from reward_training.head import folds_of
from reward_training.likelihood import TIE, Floats, davidson, outcome_probabilities

RIDGE = 0.125
"""Of an argument's strength: a prior spread of two logits."""
HELD_OUT = 0.2
MANY_VOTES = 50
OWN_TIE_RATE, OWN_VOTES = 0.2, 10.0  # what a person's own rate of ties starts from

Strengths = tuple[Floats, float]
Rows = NDArray[np.bool_]


def real_votes(setting: Setting) -> dict[str, Any]:
    """Held-out votes under strengths learned with the annotator model, against pooled Bradley-Terry-Davidson; people's
    reliability against how often they are with the majority of the others."""
    votes, early = _votes(setting)
    train = _training(votes, setting.seed)
    pooled, with_people, model = _strengths_of(votes, train)
    held = ~train
    outcomes, comparisons = votes.outcomes[held], votes.comparisons[held]
    known = [model.people.get(name) for name, inside in zip(votes.people, held, strict=True) if inside]
    at = {"pooled": pooled, "with_people": with_people}
    differences = {name: _differences(votes, held, one) for name, one in at.items()}
    calibrated = {name: _calibrated(differences[name], one[1], outcomes, comparisons) for name, one in at.items()}
    losses = {
        "pooled": _losses(outcome_probabilities(differences["pooled"], pooled[1]), outcomes),
        "vote_with_its_author": _losses(_by_author(differences["with_people"], with_people[1], known), outcomes),
        "pooled_calibrated": _losses(calibrated["pooled"], outcomes),
        "anybodys_vote": _losses(calibrated["with_people"], outcomes),
    }
    parts = {"all": np.ones(len(outcomes), bool), "kept_out": early[held], "others": ~early[held]}
    gains = {
        f"{name}_gain_{part}": relative_gain(
            losses[base][rows], losses[name][rows], comparisons[rows], setting.seed
        )
        for name, base in (("vote_with_its_author", "pooled"), ("anybodys_vote", "pooled_calibrated"))
        for part, rows in parts.items()
        if rows.any()
    }  # fmt: skip
    return {
        "votes": int(train.sum()),
        "held_out_votes": int(held.sum()),
        "people": len(set(votes.people)),
        "turns": model.turns,
        **{f"{name}_log_loss": rounded(loss.mean()) for name, loss in losses.items()},
        **gains,
        **_reliability(votes, model, setting.seed),
    }


def ties(setting: Setting) -> dict[str, Any]:
    """Three-way log-loss of Davidson's ties, against Bradley-Terry on decided votes with a constant rate of ties."""
    votes, _ = _votes(setting)
    train = _training(votes, setting.seed)
    held = ~train
    both, log_nu = _strengths(votes, train)(np.ones(train.sum()), 0.0)
    decided = train & (votes.outcomes != TIE)
    dropped, _ = _strengths(votes, decided)(np.ones(decided.sum()), 0.0)
    rate = float((votes.outcomes[train] == TIE).mean())
    constant = outcome_probabilities(_differences(votes, held, (dropped, -60.0)), -60.0) * (1 - rate)
    constant[:, TIE] = rate
    davidsons = outcome_probabilities(_differences(votes, held, (both, log_nu)), log_nu)
    losses = _losses(constant, votes.outcomes[held]), _losses(davidsons, votes.outcomes[held])
    return {
        "held_out_votes": int(held.sum()),
        "tie_rate": rounded(rate),
        "davidson_log_loss": rounded(losses[1].mean()),
        "constant_tie_rate_log_loss": rounded(losses[0].mean()),
        "gain": relative_gain(*losses, votes.comparisons[held], setting.seed),
    }


def _votes(setting: Setting) -> tuple[Votes, Rows]:
    """The votes, and which are of the debates kept out of every choice."""
    arguments, votes = argument_votes.read(setting)
    early = arguments.debates[votes.first] < KEPT_OUT
    if not setting.short:
        return votes, early
    few = votes.comparisons < 600
    people = [name for name, taken in zip(votes.people, few, strict=True) if taken]
    return Votes(votes.first[few], votes.second[few], votes.outcomes[few], people, votes.comparisons[few]), early[few]


def _training(votes: Votes, seed: int) -> Rows:
    return np.asarray(np.random.default_rng(seed).random(len(votes.outcomes)) >= HELD_OUT)


def _strengths(votes: Votes, rows: Rows) -> Callable[[Floats, Floats | float], Strengths]:
    """The most likely strength of every argument and log nu, for weights and biases of some of the votes."""
    first, second, outcomes = votes.first[rows], votes.second[rows], votes.outcomes[rows]
    items = int(max(votes.first.max(), votes.second.max())) + 1
    last = np.append(np.zeros(items), -1.0)

    def fit(weights: Floats, bias: Floats | float) -> Strengths:
        total = float(weights.sum())

        def loss(at: Floats) -> tuple[float, Floats]:
            found = davidson(at[first] - at[second], outcomes, weights, float(at[-1]), bias)
            slope = total * (
                np.bincount(first, found.by_difference, items) - np.bincount(second, found.by_difference, items)
            )
            ridge = RIDGE * float(at[:-1] @ at[:-1])
            return total * found.loss + ridge, np.append(slope + 2 * RIDGE * at[:-1], total * found.by_log_nu)

        last[:] = minimize(loss, last, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
        return last[:-1].copy(), float(last[-1])

    return fit


def _strengths_of(votes: Votes, train: Rows) -> tuple[Strengths, Strengths, AnnotatorModel]:
    """Pooled strengths, those learned with the people, and the people."""
    pooled = _strengths(votes, train)(np.ones(train.sum()), 0.0)
    inner = _strengths(votes, train)
    first, second = votes.first[train], votes.second[train]

    def turn(weights: Floats, bias: Floats) -> tuple[Floats, float]:
        strengths, log_nu = inner(weights, bias)
        return strengths[first] - strengths[second], log_nu

    names = [name for name, inside in zip(votes.people, train, strict=True) if inside]
    count = int(train.sum())
    model = learn(Answers(names, votes.outcomes[train], np.zeros(count), np.ones(count)), turn, AnnotatorSettings())
    return pooled, inner(model.responsibilities, 0.0), model


def _differences(votes: Votes, rows: Rows, at: Strengths) -> Floats:
    return np.asarray(at[0][votes.first[rows]] - at[0][votes.second[rows]])


def _calibrated(differences: Floats, log_nu: float, outcomes: Any, comparisons: Any) -> Floats:
    """(N, 3) chances; temperature and tie parameter are those of the comparisons of the other folds."""
    folds = folds_of([str(one) for one in comparisons])
    chances = np.zeros((len(outcomes), 3))
    for fold in np.unique(folds):
        rest = folds != fold
        found = fit_temperature(differences[rest], outcomes[rest], np.ones(int(rest.sum())), log_nu)
        chances[~rest] = outcome_probabilities(differences[~rest] / found.temperature, found.log_nu)
    return chances


def _by_author(differences: Floats, log_nu: float, authors: list[Person | None]) -> Floats:
    """(N, 3) chances of each vote, given who casts it; of nobody known as of the average person beforehand."""
    settings = AnnotatorSettings()
    expected = settings.reliable / (settings.reliable + settings.unreliable)
    eta = np.array([one.reliability.value if one else expected for one in authors])[:, None]
    lean = np.array([one.tie_lean.value if one else 0.0 for one in authors])
    tie = np.array(
        [(one.ties * one.answers + OWN_TIE_RATE * OWN_VOTES) / (one.answers + OWN_VOTES) if one else OWN_TIE_RATE
         for one in authors]
    )  # fmt: skip
    own = np.stack([(1 - tie) / 2, tie, (1 - tie) / 2], axis=1)
    return np.asarray(eta * outcome_probabilities(differences, log_nu + lean) + (1 - eta) * own)


def _losses(chances: Floats, outcomes: Any) -> Floats:
    return np.asarray(-np.log(chances[np.arange(len(outcomes)), outcomes]))


def _reliability(votes: Votes, model: AnnotatorModel, seed: int) -> dict[str, Any]:
    """Rank correlation of reliability with agreement, over people of many votes, for all votes and for decided ones.

    `ceiling`: the most that a perfect measure could correlate with an agreement that is counted on so few votes: the
    root of the agreement's own reliability, halves of a person's votes against each other, stepped up to all (Spearman
    and Brown).
    """
    names = np.array(votes.people)
    many = [
        (person, mine)
        for name, person in model.people.items()
        if len(mine := np.flatnonzero(names == name)) >= MANY_VOTES
    ]
    reliability = np.array([person.reliability.value for person, _ in many])
    report: dict[str, Any] = {f"people_with_{MANY_VOTES}_votes": len(many)}
    clear, with_them = _with_the_others(votes)
    for name, counted in (("all", clear), ("decided", clear & (votes.outcomes != TIE))):
        agreement = np.array([_share(with_them[mine], counted[mine]) for _, mine in many])
        picks = resampled(len(many), seed)
        report[f"spearman_{name}"] = rounded(_spearman(reliability, agreement))
        drawn = [_spearman(reliability[pick], agreement[pick]) for pick in picks] or [np.nan]
        report[f"spearman_{name}_interval"] = [rounded(end) for end in np.nanquantile(drawn, [0.025, 0.975])]
        report[f"spearman_{name}_ceiling"] = rounded(_ceiling([mine for _, mine in many], with_them, counted, seed))
    return report


def _with_the_others(votes: Votes) -> tuple[Rows, Rows]:
    """Of each vote whether the others on its comparison have one most frequent answer, and whether it is that."""
    counts = np.zeros((int(votes.comparisons.max()) + 1, 3))
    np.add.at(counts, (votes.comparisons, votes.outcomes), 1)
    places = np.arange(len(votes.outcomes))
    others = counts[votes.comparisons]
    others[places, votes.outcomes] -= 1
    most = others.max(1)
    return (others == most[:, None]).sum(1) == 1, others[places, votes.outcomes] == most


def _ceiling(people: list[NDArray[np.int64]], with_them: Rows, counted: Rows, seed: int, draws: int = 20) -> float:
    found = []
    for draw in range(draws):
        half = np.random.default_rng([seed, draw]).random(len(counted)) < 0.5
        sides = [
            np.array([_share(with_them[mine], (counted & part)[mine]) for mine in people]) for part in (half, ~half)
        ]
        found.append(_spearman(*sides))
    halves = max(0.0, float(np.mean(found))) if found else float("nan")
    return float(np.sqrt(2 * halves / (1 + halves)))


def _share(right: Rows, counted: Rows) -> float:
    return float(right[counted].mean()) if counted.any() else 0.0


def _spearman(one: Floats, other: Floats) -> float:
    return float(spearmanr(one, other).statistic) if len(one) > 2 else float("nan")
