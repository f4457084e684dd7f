"""Does choosing what to ask save labels? As the product does it: of four texts of a prompt one pair is asked.

Four cells: `ukp_votes` (each question is answered by a random one of the five crowd votes), `ukp_clean` (by the
authors' gold label), `qa_feedback` (one person's verdicts; features of question and answer), `simulated` (a linear
taste on the features of UKP's arguments, noisy answers with ties). Accuracy on debates or questions that are not asked
about, every 50 labels up to 800, at least eight seeds, paired by seed; batches of 8, the posterior as it was before the
batch, a fifth by chance, the first 50 by chance. Texts of UKP come from one stance of a debate.
Features are kept in FOLDER/features (--work FOLDER).

The goal: as good as chance at 800 labels with at most 400, and never worse by 0.5 point in area on any of the four.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from benchmarks import kept_features
from benchmarks.intervals import half_of
from benchmarks.kept_features import Judged
from benchmarks.setting import KEPT_OUT, Setting
from reward_training.bayesian_head import Answers, Directions, Posterior, expected_precision, fit_by_evidence
from reward_training.likelihood import FIRST, SECOND, Floats, outcome_probabilities
from rounds.choosing import FIRST_RANDOM, Rule, choose, random_share

RULES: tuple[Rule, ...] = get_args(Rule)
LABELS, STEP, BATCH, TEXTS = 800, 50, 8, 4
HOLDOUT_QUESTIONS = 0.15
REFIT_EVERY = 5  # batches absorbed one by one between two fits


@dataclass(frozen=True)
class Task:
    """Coordinates of texts, pairs to ask by slot (a prompt), what a pair's answer is, and pairs to test on."""

    coordinates: Floats
    slots: list[list[int]]  # of each slot its texts
    pair_of: dict[tuple[int, int], int]  # texts -> pair
    texts_of: dict[int, tuple[int, int]]  # pair -> texts
    answer: Callable[[int, np.random.Generator], int]
    test: tuple[np.ndarray, np.ndarray, np.ndarray]  # first, second, outcome


def ukp_votes(setting: Setting) -> dict[str, Any]:
    """UKPConvArg1's real votes."""
    judged = kept_features.ukp(setting, setting.work / "features")
    return _measure(setting, lambda seed: _task(judged, seed, _one_vote(judged)))


def ukp_clean(setting: Setting) -> dict[str, Any]:
    """UKPConvArg1's gold labels."""
    judged = kept_features.ukp(setting, setting.work / "features")
    return _measure(setting, lambda seed: _task(judged, seed, lambda pair, _: int(judged.gold[pair])))


def qa_feedback(setting: Setting) -> dict[str, Any]:
    """qa_feedback's verdicts."""
    judged = kept_features.qa(setting, setting.work / "features")
    return _measure(setting, lambda seed: _task(judged, seed, lambda pair, _: int(judged.gold[pair])))


def simulated(setting: Setting) -> dict[str, Any]:
    """A drawn linear taste on UKP's texts; answers by Davidson's law."""
    judged = kept_features.ukp(setting, setting.work / "features")

    def task(seed: int) -> Task:
        plain = _task(judged, seed, lambda pair, _: 0)
        draw = np.random.default_rng([seed, 7])
        taste = draw.normal(size=plain.coordinates.shape[1])
        rewards = plain.coordinates @ taste
        rewards *= 1.5 / rewards.std()
        differences = rewards[judged.first] - rewards[judged.second]

        def answer(pair: int, generator: np.random.Generator) -> int:
            chances = outcome_probabilities(differences[pair : pair + 1], -1.0)[0]
            return int(generator.choice(3, p=chances))

        first, second, _ = plain.test
        outcomes = np.where(rewards[first] > rewards[second], FIRST, SECOND)
        return replace(plain, answer=answer, test=(first, second, outcomes))

    return _measure(setting, task)


CELLS = {"ukp_votes": ukp_votes, "ukp_clean": ukp_clean, "qa_feedback": qa_feedback, "simulated": simulated}


def _one_vote(judged: Judged) -> Callable[[int, np.random.Generator], int]:
    return lambda pair, generator: judged.votes[pair][int(generator.integers(len(judged.votes[pair])))]


def _task(judged: Judged, seed: int, answer: Callable[[int, np.random.Generator], int]) -> Task:
    """The debates kept out, or a drawn quarter of many groups, are tested on; the others are asked about."""
    names = sorted(set(judged.groups))
    draw = np.random.default_rng([seed, 1])
    few = len(names) < 50
    tested = set(names[:KEPT_OUT]) if few else set(draw.permutation(names)[: len(names) // 4])
    groups = np.array(judged.groups)
    inside = ~np.isin(groups, sorted(tested)) & (judged.gold >= 0)
    outside = np.isin(groups, sorted(tested)) & ((judged.gold == FIRST) | (judged.gold == SECOND))
    asked = np.flatnonzero(inside)
    pair_of = {(int(judged.first[pair]), int(judged.second[pair])): int(pair) for pair in asked}
    texts = np.unique(np.concatenate([judged.first[asked], judged.second[asked]]))
    directions = Directions.of(judged.features[texts])
    coordinates, _ = directions.coordinates(judged.features)
    slots: dict[int, list[int]] = {}
    # texts that were compared with each other belong together: a stance of a debate, a question
    parts = _parts(judged, asked)
    for text in texts:
        slots.setdefault(parts[int(text)], []).append(int(text))
    held = np.flatnonzero(outside)
    test = (judged.first[held], judged.second[held], judged.gold[held])
    texts_of = {pair: texts for texts, pair in pair_of.items()}
    return Task(coordinates, list(slots.values()), pair_of, texts_of, answer, test)


def _parts(judged: Judged, asked: np.ndarray) -> dict[int, int]:
    """Of each text the connected part of the graph of comparisons that it lies in."""
    root: dict[int, int] = {}

    def find(text: int) -> int:
        while root.setdefault(text, text) != text:
            text = root[text]
        return text

    for pair in asked:
        root[find(int(judged.first[pair]))] = find(int(judged.second[pair]))
    return {text: find(text) for text in root}


def _measure(setting: Setting, make: Callable[[int], Task]) -> dict[str, Any]:
    seeds = range(setting.seed, setting.seed + setting.trials(8, 2))
    labels = setting.trials(LABELS, 200)
    curves: dict[str, list[list[float]]] = {rule: [] for rule in RULES}
    for seed in seeds:
        task = make(seed)
        for rule in RULES:
            curves[rule].append(_curve(task, rule, seed, labels))
    points = list(range(STEP, labels + 1, STEP))
    means = {rule: np.mean(found, axis=0) for rule, found in curves.items()}
    row: dict[str, Any] = {"trials": len(seeds), "labels": points}
    for rule in RULES:
        row[f"accuracy_{rule}"] = [round(float(value), 4) for value in means[rule]]
    target = means["random"][-1]
    for rule in RULES[1:]:
        reached = [point for point, value in zip(points, means[rule], strict=True) if value >= target]
        difference = np.mean(curves[rule], axis=1) - np.mean(curves["random"], axis=1)
        row[f"labels_to_random_{labels}_{rule}"] = reached[0] if reached else None
        row[f"area_points_{rule}"] = round(100 * float(difference.mean()), 2)
        row[f"area_points_half_{rule}"] = round(100 * half_of(difference), 2) if len(seeds) > 1 else None
    return row


def _curve(task: Task, rule: Any, seed: int, labels: int) -> list[float]:
    """Accuracy after every STEP labels."""
    draw = np.random.default_rng([seed, 2])
    width = task.coordinates.shape[1]
    expected = expected_precision(task.coordinates)
    x, y = np.zeros((0, width)), np.zeros(0, dtype=np.int64)
    posterior: Posterior = fit_by_evidence(Answers.of(x, y), expected)
    taken: set[int] = set()
    found: list[float] = []
    batches = 0
    while len(found) < labels // STEP:
        slots: dict[int, tuple[np.ndarray, list[int]]] = {}
        tries = 0
        while len(slots) < BATCH and tries < 50 * BATCH:
            tries += 1
            members = task.slots[int(draw.integers(len(task.slots)))]
            four = [members[place] for place in draw.permutation(len(members))[:TEXTS]]
            pairs = [
                task.pair_of[a, b]
                for a in four
                for b in four
                if (a, b) in task.pair_of and task.pair_of[a, b] not in taken
            ]
            if not pairs:
                continue
            slots[len(slots)] = (_differences(task, pairs), pairs)
        chosen_by: dict[int, str] = {
            slot: "random" if len(y) < FIRST_RANDOM or draw.random() < random_share(HOLDOUT_QUESTIONS) else rule
            for slot in slots
        }
        picked: dict[int, int] = {}
        for name in {"random", rule}:
            part = {slot: slots[slot][0] for slot, by in chosen_by.items() if by == name}
            picked |= {slot: slots[slot][1][one.place] for slot, one in choose(name, posterior, part, draw).items()}
        for pair in dict.fromkeys(picked.values()):
            taken.add(pair)
            (difference,) = _differences(task, [pair])
            outcome = task.answer(pair, draw)
            x, y = np.vstack([x, difference]), np.append(y, outcome)
            posterior = posterior.absorb(difference, outcome)
            if len(y) % STEP == 0 and len(found) < labels // STEP:
                posterior = fit_by_evidence(Answers.of(x, y), expected, posterior)
                found.append(_accuracy(task, posterior))
        batches += 1
        if batches % REFIT_EVERY == 0:
            posterior = fit_by_evidence(Answers.of(x, y), expected, posterior)
    return found


def _differences(task: Task, pairs: list[int]) -> Floats:
    first, second = np.array([task.texts_of[pair] for pair in pairs]).T
    return np.asarray(task.coordinates[first] - task.coordinates[second])


def _accuracy(task: Task, posterior: Posterior) -> float:
    first, second, outcomes = task.test
    rewards = posterior.rewards(task.coordinates)
    signed = np.where(outcomes == FIRST, 1, -1) * (rewards[first] - rewards[second])
    return float(((signed > 0) + 0.5 * (signed == 0)).mean())
