"""What training makes of a policy: the gain of a hidden taste against KL over time, for every algorithm and best-of-n,
and what over-optimisation costs with and without guards.

Simulated people judge pairs of the base's completions by the taste *lists*; a reward head learns from them; a policy is
trained on that reward, and judged by the taste itself on held-out prompts that took no part. A cell is one algorithm;
take --seed 0, 1 and 2. The taste of `ppo_learned_taste` was fitted to human answers (learned_taste.py; --data).
`curve` has for each iteration the mean taste and the reward of its fresh completions of training prompts, KL a
sequence, the share cut off, the score on held-out prompts where they were looked at, and the seconds so far. Intervals
are over the held-out prompts.

The unguarded run has no price of KL, no budget, no early end of updates, no alarm that stops it, no held-out choice and
no penalty for what the reward does not know; all else is the same. Both learn from few judgments, at twice PPO's
learning rate, and of the taste *concise*: shorter is better down to six words, where a reward that has learned
"shorter" goes on. (Of *lists* the unguarded run lost a tenth of its peak only.)
"""

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.intervals import mean_of
from benchmarks.policy_speed import fast_settings
from benchmarks.setting import Setting, peak_gigabytes
from benchmarks.simulated_taste import LEARNED, Judged, Task, wins
from language_models.sampling import Sampled
from policy_training import algorithm_registry
from policy_training.records import Given, HeldOut, PromptItem, RewardFunction, StepReport
from reward_training import length_correction
from rounds.statistics import distinct_pairs

JUDGMENTS, FEW_JUDGMENTS = 200, 48
STEPS, MORE_STEPS = 12, 20
OVER_OPTIMISED = "concise"  # the taste whose learned reward is pressed too far
PENALTY = 1.0  # standard deviations of what the reward does not know
BEST_OF = (1, 2, 4, 8)
TOLD = 4  # completions of a held-out prompt by which a policy is judged
POLICY = "trained-policy"


def gain(
    setting: Setting, algorithm: str, *, learned: bool = True, permuted: bool = False, fast: bool = False,
    taste: str = "lists", judgments: int = JUDGMENTS, penalty: float = PENALTY,
) -> dict[str, Any]:  # fmt: skip
    """One algorithm with its default settings, on the learned reward or on the taste itself (the ceiling); what learns
    straight from judgments gets these, and the learned reward tells which policy is kept. `permuted`: every answer is
    given to another pair, so that there is nothing to learn and the share has to stay at a half. `fast`: the preset.
    `penalty`: standard deviations of a text's score, where it is not known, that are taken off it."""
    task = Task(setting, taste)
    judged = task.judgments(setting.trials(judgments, 12))
    if permuted:
        order = np.random.default_rng(setting.seed).permutation(len(judged))
        judged = [replace(one, outcome=judged[place].outcome) for one, place in zip(judged, order, strict=True)]
    reward = task.learned(judged, penalty) if learned else task.true(judged)
    settings = {"steps": setting.trials(STEPS, 2)} | (SHORT if setting.short else {})
    settings |= fast_settings(algorithm) if fast else {}
    trained = _trained(task, algorithm, reward, settings, reward, judged)
    return {"algorithm": algorithm, "taste": taste, "judgments": len(judged) if learned else 0} | trained


def guarded(setting: Setting, *, guards: bool) -> dict[str, Any]:
    """PPO pressed hard against a reward of few judgments: `peak` and `end` are of the curve's mean taste, three
    iterations each, without one that ended the run past its KL budget; `gain` is that of the policy that is kept."""
    task = Task(setting, OVER_OPTIMISED)
    judged = task.judgments(setting.trials(FEW_JUDGMENTS, 12))
    settings: dict[str, Any] = {"steps": setting.trials(MORE_STEPS, 2), "learning_rate": 1e-3}
    if not guards:
        settings |= {"kl_coefficient": 0.0, "kl_budget_nats": 1e9, "update_kl_target": 1e9, "guards": {"stop": False}}
    reward = task.learned(judged, PENALTY if guards else 0.0)
    settings |= SHORT if setting.short else {}
    row = _trained(task, "ppo", reward, settings, reward if guards else None)
    budget = algorithm_registry.settings_class("ppo")().kl_budget_nats
    within = [point for point in row["curve"] if not guards or point["kl_nats"] <= budget]
    tastes = [point["taste"] for point in within]
    smooth = [float(np.mean(tastes[max(0, place - 2) : place + 1])) for place in range(len(tastes))]
    start = tastes[0]
    return {
        "guards": guards,
        "taste": OVER_OPTIMISED,
        "judgments": len(judged),
        "peak": round(max(smooth) - start, 3),
        "end": round(smooth[-1] - start, 3),
        **row,
    }


def best_of_n(setting: Setting) -> dict[str, Any]:
    """The best of n completions of the base by the learned reward; KL is at most ln n - (n - 1) / n (Beirami et al.
    2024, https://arxiv.org/abs/2401.01879). Of the eight drawn every n that follow one another are a choice, and each
    best one is held against all of TOLD other completions."""
    task = Task(setting)
    judged = task.judgments(setting.trials(JUDGMENTS, 12))
    reward = task.learned(judged, 0.0)
    most = BEST_OF[-1]
    drawn = [task.drawn(task.telling, None, index) for index in range(most + TOLD)]
    worth = np.array([task.worth(one) for one in drawn])  # (completions, prompts)
    scores, old = np.array([reward(task.telling, one) for one in drawn[:most]]), worth[most:]
    row: dict[str, Any] = {"judgments": len(judged), "held_out_prompts": len(task.telling)}
    for n in BEST_OF:
        best = np.array([start + scores[start : start + n].argmax(0) for start in range(0, most, n)])
        new = worth[best, np.arange(worth.shape[1])]  # (choices, prompts)
        row[f"best_of_{n}"] = {
            "kl_nats_at_most": round(math.log(n) - (n - 1) / n, 3),
            "gain": mean_of(new.mean(0) - old.mean(0)),
            "preferred_to_base": mean_of(wins(new[:, None], old[None]).mean((0, 1))),
        }
    return row


def length_corrected(setting: Setting) -> dict[str, Any]:
    """Spearman's correlation of length and the learned reward, before and after what length explains is taken off: the
    line is fitted to the texts that were judged, the correlations are over fresh completions of the base of held-out
    prompts. `taste`: that of length and the hidden taste, for comparison."""
    task = Task(setting)
    judged = task.judgments(setting.trials(JUDGMENTS, 12))
    reward = task.learned(judged, 0.0)
    known = [text for one in judged for text in (one.first, one.second)]
    scores = reward([one.item for one in judged for _ in (one.first, one.second)], known)
    line = length_correction.fit(scores, [one.text for one in known])
    fresh = [one for index in range(TOLD) for one in task.drawn(task.telling, None, index)]
    words = [one.text for one in fresh]
    plain, lengths = reward(task.telling * TOLD, fresh), length_correction.log_lengths(words)
    told = {"before": plain, "after": line.taken_off(plain, words), "taste": task.worth(fresh)}
    correlations = {name: round(length_correction.rank_correlation(one, lengths), 3) for name, one in told.items()}
    return {"judgments": len(judged), "texts": len(fresh), "slope": round(line.slope, 3)} | correlations


def _trained(
    task: Task, algorithm: str, reward: RewardFunction, settings: dict[str, Any], choosing: RewardFunction | None,
    judged: Sequence[Judged] = (),
) -> dict[str, Any]:  # fmt: skip
    """Trains and judges by the taste. `choosing`: the reward of the held-out prompts that tell which policy is kept."""
    curve: list[dict[str, float]] = []
    worth: list[float] = []
    began = time.perf_counter()

    def watched(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> Sequence[float]:
        worth[:] = task.worth(sampled)
        return reward(items, sampled)

    def on_step(report: StepReport) -> None:
        shown = {"reward": "score", "kl_nats": "kl_nats", "cut_off": "cut_off", "held_out": "held_out"}
        read = {name: report.metrics[key] for name, key in shown.items() if key in report.metrics}
        told = {"taste": float(np.mean(worth))} | read
        curve.append({name: round(value, 3) for name, value in told.items()} | {
            "seconds": round(time.perf_counter() - began, 1)
        })  # fmt: skip

    chosen = algorithm_registry.settings_class(algorithm).model_validate(
        {"sampling": task.sampling.model_dump(), "seed": task.seed} | settings
    )
    held_out = HeldOut(task.choosing, choosing) if choosing is not None else None
    with tempfile.TemporaryDirectory() as folder:
        given = Given(
            task.model, task.training, watched, Path(folder), on_step, held_out=held_out, adapter=POLICY,
            preferences=[one.preference() for one in judged],
            demonstrations=[shown for one in judged if (shown := one.demonstration())],
        )  # fmt: skip
        policy = algorithm_registry.trainer(algorithm)(given, chosen)
    return _told(task, policy.steps, policy.stopped_early, policy.metrics["kl_nats"]) | {"curve": curve}


def _told(task: Task, steps: int, stopped: str | None, kl_nats: float) -> dict[str, Any]:
    """The trained policy beside the base on prompts that took no part, with what would show a collapse."""
    places = {POLICY: range(TOLD), None: range(TOLD, 2 * TOLD)}  # each side with draws of its own
    new, old = (
        [one for place in own for one in task.drawn(task.telling, adapter, place)] for adapter, own in places.items()
    )
    worth, before = (np.array(task.worth(part)).reshape(TOLD, -1) for part in (new, old))
    task.model.adapters.remove(POLICY)
    return {
        "held_out_prompts": len(task.telling),
        "gain": mean_of(worth.mean(0) - before.mean(0)),
        "preferred_to_base": mean_of(wins(worth[:, None], before[None]).mean((0, 1))),
        "kl_nats": round(kl_nats, 2),
        "kept_after_steps": steps,
        "stopped": stopped,
        "cut_off": [round(float(np.mean([not one.finished for one in part])), 3) for part in (new, old)],
        "empty": round(float(np.mean([not one.text.strip() for one in new])), 3),
        "distinct_2_over_base": round(_distinct_pairs(new, old), 2),
        "peak_gb": peak_gigabytes(),
    }


def _distinct_pairs(new: Sequence[Sampled], old: Sequence[Sampled]) -> float:
    """The share of different pairs of neighbouring tokens in the new texts over that in the old, each text cut to the
    length of the other one."""
    own, of_base = distinct_pairs(*([list(map(str, one.token_ids)) for one in part] for part in (new, old)))
    return own / of_base if of_base else 0.0


SHORT = {"prompts_per_step": 2, "samples_per_prompt": 2, "minibatches": 1}
CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    **{name: partial(gain, algorithm=name) for name in algorithm_registry.names()},
    "ppo_fast": partial(gain, algorithm="ppo", fast=True),
    "ppo_few": partial(gain, algorithm="ppo", taste="mix", judgments=FEW_JUDGMENTS),
    "ppo_few_plain": partial(gain, algorithm="ppo", taste="mix", judgments=FEW_JUDGMENTS, penalty=0.0),
    "ppo_learned_taste": partial(gain, algorithm="ppo", taste=LEARNED),
    "ppo_permuted": partial(gain, algorithm="ppo", permuted=True),
    "ppo_true_taste": partial(gain, algorithm="ppo", learned=False),
    "best_of_n": best_of_n,
    "length_corrected": length_corrected,
    "guards_on": partial(guarded, guards=True),
    "guards_off": partial(guarded, guards=False),
}
