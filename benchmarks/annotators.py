"""Who can be relied on: bad annotators found, what their answers cost, side bias, real votes, ties.

Cells: `bad_people` (4 bad of 12, 100 labels each), `outside` (people outside the model), `side_bias` (100 people, 500
judgments each), `real_votes` and `ties` (UKPConvArg1's votes, strengths of arguments). Intervals are 95 %.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import rankdata, spearmanr

from benchmarks import argument_votes
from benchmarks.argument_votes import Votes
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
from reward_training.annotator_model import AnnotatorModel, Answers, Fit, cross_fitted, learn
from reward_training.annotator_settings import AnnotatorSettings
from reward_training.likelihood import FIRST, SECOND, TIE, Floats, davidson, outcome_probabilities
from rounds.simulated_annotators import PROFILES, Seen, judge

RESAMPLES = 1000
RIDGE = 0.125
"""Of an argument's strength: a prior spread of two logits."""
HELD_OUT = 0.2


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
    return {"trials": len(rows)} | _means(names_of, np.array(rows))


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
        found |= _means([f"{name}_{part}" for part in ("unweighted", "weighted", "gain")], np.array(gains))
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
    return Judged(group.differences[rows], answers, group.good[rows], [group.groups[row] for row in rows])


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
        "mean_absolute_error": _rounded(np.abs(errors).mean()),
        "mean_signed_error": _rounded(errors.mean()),
        "signed_interval": _interval(errors),
        "covered": _rounded(np.mean(covered)),
        "reliability_covered": _rounded(np.mean(covered_eta)),
        "reliability_absolute_error": _rounded(
            np.mean([abs(one.reliability.value - real) for one, real in zip(told, eta, strict=True)])
        ),
        "turns": found.turns,
    }


def real_votes(setting: Setting) -> dict[str, Any]:
    """Held-out votes under strengths learned with the annotator model, against pooled Bradley-Terry-Davidson."""
    votes = _votes(setting)
    train = _training(votes, setting.seed)
    pooled, with_people, model = _strengths_of(votes, train)
    held = ~train
    names = [name for name, inside in zip(votes.people, held, strict=True) if inside]
    rows = (votes.outcomes[held], votes.comparisons[held])
    plain = [_chances(votes, held, at) for at in (pooled, with_people)]
    by_person = plain[1].copy()
    for row, name in enumerate(names):
        person = model.people.get(name)
        eta = person.reliability.value if person else 0.8
        own = _own(person)
        by_person[row] = eta * by_person[row] + (1 - eta) * own
    results = {
        "pooled": _losses(plain[0], *rows), "reward_with_people": _losses(plain[1], *rows),
        "vote_with_its_author": _losses(by_person, *rows),
    }  # fmt: skip
    base = results["pooled"]
    reliability, agreement = _against_the_others(votes, model)
    correlation = [_spearman(reliability[pick], agreement[pick]) for pick in _resampled(len(reliability), setting.seed)]
    return {
        "votes": int(train.sum()),
        "held_out_votes": int(held.sum()),
        "people": len(set(votes.people)),
        "turns": model.turns,
        **{f"{name}_log_loss": _rounded(loss.mean()) for name, loss in results.items()},
        **{
            f"{name}_gain": _relative(base, results[name], rows[1], setting.seed)
            for name in ("reward_with_people", "vote_with_its_author")
        },
        **{
            f"{name}_gain_decided": _relative(
                _decided(plain[0], rows[0]), _decided(by_person if "vote" in name else plain[1], rows[0]),
                rows[1][rows[0] != TIE], setting.seed,
            )
            for name in ("reward_with_people", "vote_with_its_author")
        },
        "people_with_50_votes": len(reliability),
        "spearman": _rounded(_spearman(reliability, agreement)),
        "spearman_interval": [_rounded(value) for value in np.quantile(correlation, [0.025, 0.975])],
    }  # fmt: skip


def ties(setting: Setting) -> dict[str, Any]:
    """Three-way log-loss of Davidson's ties, against Bradley-Terry on decided votes with a constant rate of ties."""
    votes = _votes(setting)
    train = _training(votes, setting.seed)
    held = ~train
    both = _chances(votes, held, _strengths(votes, train)(np.ones(train.sum()), 0.0))
    decided = train & (votes.outcomes != TIE)
    dropped = _chances(votes, held, (_strengths(votes, decided)(np.ones(decided.sum()), 0.0)[0], -60.0))
    rate = float((votes.outcomes[train] == TIE).mean())
    constant = dropped * (1 - rate)
    constant[:, TIE] = rate
    said = (votes.outcomes[held], votes.comparisons[held])
    losses = _losses(constant, *said), _losses(both, *said)
    return {
        "held_out_votes": int(held.sum()),
        "tie_rate": _rounded(rate),
        "davidson_log_loss": _rounded(losses[1].mean()),
        "constant_tie_rate_log_loss": _rounded(losses[0].mean()),
        "gain": _relative(*losses, said[1], setting.seed),
    }


CELLS = {"bad_people": bad_people, "outside": outside, "side_bias": side_bias, "real_votes": real_votes, "ties": ties}


def _votes(setting: Setting) -> Votes:
    votes = argument_votes.read(setting)[1]
    if not setting.short:
        return votes
    few = votes.comparisons < 600
    people = [name for name, taken in zip(votes.people, few, strict=True) if taken]
    return Votes(votes.first[few], votes.second[few], votes.outcomes[few], people, votes.comparisons[few])


def _training(votes: Votes, seed: int) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    return np.asarray(np.random.default_rng(seed).random(len(votes.outcomes)) >= HELD_OUT)


Strengths = tuple[Floats, float]


def _strengths(votes: Votes, rows: Any) -> Callable[[Floats, Floats | float], Strengths]:
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


def _strengths_of(votes: Votes, train: Any) -> tuple[Strengths, Strengths, AnnotatorModel]:
    """Pooled strengths, those learned with the people, and the people."""
    pooled = _strengths(votes, train)(np.ones(train.sum()), 0.0)
    inner = _strengths(votes, train)
    first, second = votes.first[train], votes.second[train]

    def turn(weights: Floats, bias: Floats) -> tuple[Floats, float]:
        strengths, log_nu = inner(weights, bias)
        return strengths[first] - strengths[second], log_nu

    fit: Fit = turn
    names = [name for name, inside in zip(votes.people, train, strict=True) if inside]
    count = int(train.sum())
    model = learn(Answers(names, votes.outcomes[train], np.zeros(count), np.ones(count)), fit, AnnotatorSettings())
    return pooled, inner(model.responsibilities, 0.0), model


def _chances(votes: Votes, rows: Any, at: Strengths) -> Floats:
    return outcome_probabilities(at[0][votes.first[rows]] - at[0][votes.second[rows]], at[1])


def _own(person: Any) -> Floats:
    ties = (person.ties * person.answers + 2) / (person.answers + 10) if person else 0.2
    return np.array([(1 - ties) / 2, ties, (1 - ties) / 2])


def _losses(chances: Floats, outcomes: Any, comparisons: Any) -> Floats:
    return np.asarray(-np.log(chances[np.arange(len(outcomes)), outcomes]))


def _decided(chances: Floats, outcomes: Any) -> Floats:
    """Two-way losses of the decided votes."""
    decided = outcomes != TIE
    two = chances[decided][:, [FIRST, SECOND]]
    return np.asarray(-np.log(two[np.arange(len(two)), outcomes[decided] // 2] / two.sum(1)))


def _against_the_others(votes: Votes, model: AnnotatorModel) -> tuple[Floats, Floats]:
    """Of people with 50 votes: reliability, and how often they are with the majority of the others on a comparison."""
    counts = np.zeros((int(votes.comparisons.max()) + 1, 3))
    np.add.at(counts, (votes.comparisons, votes.outcomes), 1)
    others = counts[votes.comparisons]
    others[np.arange(len(votes.outcomes)), votes.outcomes] -= 1
    most = others.max(1)
    clear = (others == most[:, None]).sum(1) == 1
    with_them = others[np.arange(len(votes.outcomes)), votes.outcomes] == most
    names = np.array(votes.people)
    pairs = [
        (person.reliability.value, float(with_them[mine & clear].mean()))
        for name, person in model.people.items()
        if (mine := names == name).sum() >= 50
    ]
    reliability, agreement = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(reliability), np.array(agreement)


def _spearman(one: Floats, other: Floats) -> float:
    return float(spearmanr(one, other).statistic) if len(one) > 2 else float("nan")


def _auc(good: Floats, bad: Floats) -> float:
    """Chance that a good one is above a bad one (Mann and Whitney); equal counts half."""
    ranks = rankdata(np.concatenate([good, bad]))
    return float((ranks[: len(good)].sum() - len(good) * (len(good) + 1) / 2) / (len(good) * len(bad)))


def _resampled(count: int, seed: int) -> list[Any]:
    draw = np.random.default_rng(seed)
    return [draw.integers(count, size=count) for _ in range(RESAMPLES)] if count else []


def _relative(base: Floats, other: Floats, comparisons: Any, seed: int) -> dict[str, Any]:
    """The share by which the mean loss is lower than the base's; the interval draws whole comparisons."""
    _, number = np.unique(comparisons, return_inverse=True)
    sums = np.stack([np.bincount(number, base), np.bincount(number, other)])
    values = []
    for pick in _resampled(sums.shape[1], seed):
        total = sums[:, pick].sum(1)
        values.append(1 - total[1] / total[0])
    return {
        "value": _rounded(1 - other.mean() / base.mean()),
        "interval": [_rounded(value) for value in np.quantile(values, [0.025, 0.975])],
    }


def _means(names: list[str], rows: Floats) -> dict[str, Any]:
    """Each column's mean with its interval over trials."""
    return {
        name: {"value": _rounded(column.mean()), "interval": _interval(column)}
        for name, column in zip(names, rows.T, strict=True)
    }


def _interval(values: Floats) -> list[float]:
    """Mean and 1.96 standard errors."""
    reach = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return [_rounded(values.mean() - reach), _rounded(values.mean() + reach)]


def _rounded(value: Any) -> float:
    return round(float(value), 4)
