"""The reward refreshed after 50 judgments: how long it takes with 5,000 pairs, and how right it is.

`time`: a study of 5,000 judged pairs with kept features as wide as the bundled model's. From 50 new judgments in the
store to a reward that has absorbed them (rows read, features read, absorbed, fitted again from where the last fit
ended); one judgment absorbed; and the next question asked of that study meanwhile. `accuracy`: UKPConvArg1, trained on
nine debates and tested on the three kept out, 800 gold labels: the refreshed head against the trained reward's head
(ridge by cross-validation on all features, reward_training/head.py), with the interval of their difference over texts.
Goals: 1 s, 20 ms, within 1 point; next question p95 50 ms.
"""

import time
from typing import Any

import numpy as np

from benchmarks import kept_features
from benchmarks.figures import milliseconds
from benchmarks.intervals import mean_of_pairs
from benchmarks.setting import KEPT_OUT, Setting
from feedback_store import annotators, comparisons, completions, features, judgments, policies, prompts, questions
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt
from reward_training.bayesian_head import Answers, Directions, expected_precision, fit_by_evidence
from reward_training.head import choose_l2, fit_head
from reward_training.likelihood import FIRST, TIE, Floats
from reward_training.settings import RewardSettings
from rounds import kept_features as rounds_features
from rounds import studies
from rounds.refreshed_reward import REFIT_EVERY, Absorber
from rounds.texts import text_of

PAIRS, WIDTH, NEW, LABELS, ASKED = 5000, 1153, 50, 800, 20


def times(setting: Setting) -> dict[str, Any]:
    """Seconds and milliseconds on a study of PAIRS judged pairs."""
    pairs = setting.trials(PAIRS, 400)
    turns = setting.trials(10, 2)
    with (
        setting.folder() as folder,
        studies.open_or_create(folder / "study", base="tiny:", create=True, refill=False) as db,
    ):
        made = _study(db, pairs + (turns + 1) * NEW, setting.seed)
        _judge(db, made[:pairs])
        began = time.perf_counter()
        absorber = Absorber(db)
        absorber.start()
        from_rows = time.perf_counter() - began
        refreshed, asked = [], []
        other = annotators.ensure(db, "another").id
        for turn in range(turns):
            _judge(db, made[pairs + turn * NEW : pairs + (turn + 1) * NEW])
            began = time.perf_counter()
            found = absorber.catch_up()
            refreshed.append(time.perf_counter() - began)
            assert found is not None
            assert found.missing == 0
            for _ in range(ASKED):
                began = time.perf_counter()
                (question,) = questions.next_questions(db, other, limit=1).questions
                asked.append(1000 * (time.perf_counter() - began))
                questions.give_back(db, other, question.comparison_public_id)
        difference = np.full(len(found.posterior.mean), 0.1)
        alone = []
        for _ in range(setting.trials(200, 20)):
            began = time.perf_counter()
            found.posterior.absorb(difference, FIRST)
            alone.append(1000 * (time.perf_counter() - began))
    return {
        "pairs": pairs,
        "trials": turns,
        "new_judgments": NEW,
        "refit_every": REFIT_EVERY,
        "seconds_median": round(float(np.median(refreshed)), 3),
        "seconds_most": round(max(refreshed), 3),
        "seconds_from_rows": round(from_rows, 2),
        "absorbed": milliseconds(alone),
        "next_question": milliseconds(asked),
    }


def accuracy(setting: Setting) -> dict[str, Any]:
    """The refreshed head against the trained reward's head on debates that neither saw."""
    judged = kept_features.ukp(setting, setting.work / "features")
    names = sorted(set(judged.groups))
    groups = np.array(judged.groups)
    tested = np.flatnonzero(np.isin(groups, names[:KEPT_OUT]) & (judged.gold >= 0) & (judged.gold != TIE))
    signs = np.where(judged.gold[tested] == FIRST, 1, -1)
    right: dict[str, list[Floats]] = {"refreshed": [], "trained": []}
    for seed in range(setting.seed, setting.seed + setting.trials(5, 1)):
        pool = np.flatnonzero(~np.isin(groups, names[:KEPT_OUT]) & (judged.gold >= 0))
        chosen = np.random.default_rng(seed).choice(pool, size=setting.trials(LABELS, 200), replace=False)
        first, second, outcomes = judged.first[chosen], judged.second[chosen], judged.gold[chosen]
        directions = Directions.of(judged.features[np.unique([first, second])])
        inside, _ = directions.coordinates(judged.features)
        posterior = fit_by_evidence(
            Answers.of(inside[first] - inside[second], outcomes), expected_precision(inside[np.unique([first, second])])
        )
        standard = directions.standardised(judged.features)
        differences, ones = standard[first] - standard[second], np.ones(len(chosen))
        l2, _ = choose_l2(differences, outcomes, ones, list(groups[chosen]), RewardSettings().head_l2)
        head = fit_head(differences, outcomes, ones, l2)
        for name, rewards in (("refreshed", inside @ posterior.mean), ("trained", standard @ head.weights)):
            right[name].append((signs * (rewards[judged.first[tested]] - rewards[judged.second[tested]]) > 0) * 1.0)
    points = 100 * (np.mean(right["refreshed"], axis=0) - np.mean(right["trained"], axis=0))
    return {
        "trials": len(right["trained"]),
        "labels": setting.trials(LABELS, 200),
        "pairs_tested": len(tested),
        "accuracy_refreshed": round(float(np.mean(right["refreshed"])), 4),
        "accuracy_trained": round(float(np.mean(right["trained"])), 4),
        "difference_points": mean_of_pairs(points, judged.first[tested], judged.second[tested], setting.seed),
    }


CELLS = {"time": times, "accuracy": accuracy}


def _study(db: Database, pairs: int, seed: int) -> list[int]:
    """A study of `pairs` comparisons with features drawn at random; returns the comparisons."""
    draw = np.random.default_rng(seed)
    policies.add_base(db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
    base, study, name = policies.base(db), studies.settings(db), rounds_features.set_name(db)
    assert base is not None
    assert name is not None
    few = [NewPrompt(prompts.from_text(f"Question {number}?"), split="train") for number in range(max(1, pairs // 5))]
    ids = prompts.add(db, few, holdout_share=0.0, seed=0).ids
    known = {prompt.id: prompt for prompt in prompts.listing(db)}
    mixing = draw.normal(size=(40, WIDTH)) / np.sqrt(40)
    made: list[int] = []
    with db.transaction():
        for number in range(pairs):
            prompt_id = ids[number % len(ids)]
            texts = [NewCompletion(prompt_id, base.id, f"Answer {number} {side}.") for side in "ab"]
            vectors = (draw.normal(size=(2, 40)) @ mixing + 0.3 * draw.normal(size=(2, WIDTH))).astype(np.float32)
            keys = [rounds_features.key_of(text_of(known[prompt_id], one, study)) for one in texts]
            features.put(db, name, dict(zip(keys, vectors, strict=True)))
            made += comparisons.add(db, [NewComparison(prompt_id, completions.add(db, texts))])
    return made


def _judge(db: Database, made: list[int]) -> None:
    person = annotators.ensure(db, "ann").id
    with db.transaction():
        for one in made:
            ranks = [[1, 2], [2, 1], [1, 1]][one % 3]
            judgments.submit(db, NewJudgment(one, person, ranks, [0, 1], f"judgment-{one:08}"))
