"""An iteration of policy training beside TRL's: seconds, processor seconds, peak memory, and time to an equal rise.

TRL is not a dependency. Each release that still has, or has by now, what is compared lives in an environment of its
own, whose python is named by --peer; without it ours is measured alone and the row says so:

    python3.11 -m venv trl-ppo
    trl-ppo/bin/pip install -c constraints.txt torch trl==0.29.1 transformers peft datasets   # ppo_iteration...
    trl-rloo/bin/pip install -c constraints.txt torch trl==1.16.0 transformers peft datasets  # rloo...
    # trl-old, with TRL 0.11.4 for shared_trunk: as docs/benchmarks.md has it
    .venv/bin/python -m benchmarks --only policy_speed/ppo_iteration --data DIR --peer trl-ppo/bin/python

Each side is a process of its own. They take turns, an iteration each, on the same prompts token for token, with as many
rows, epochs and optimiser steps, in fp32, LoRA of rank 16 on all linear layers. In the cells of speed a token that ends
a completion does not end it, so that all sides sample and learn from equally many; `..._natural` lets them end. The
reward is a plain function for everybody. TRL 0.29's PPO has no shared trunk: it trains a value model of its own, whole,
as in its example; our value head reads the policy's own states. The cells `..._variants` have TRL with other settings:
a value model trained by LoRA is `trl_value_lora`; RLOO recomputes states as it comes, `trl_kept` does not.

`time_to_rise_...`: seconds until the mean of a hidden taste over an iteration's fresh completions has risen by the same
amount, from the same prompts, each with settings that suit it, ours also with those of the preset fast; take --seed 0,
1 and 2. `fast_preset`: an iteration of PPO's defaults with the upper layers alone, beside one with all layers.
"""

import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks.setting import SYSTEM_PROMPT, Setting
from benchmarks.simulated_taste import Task
from benchmarks.turns import Side, Step, compared, in_turns, started
from language_models.fetch import ensure
from policy_training.algorithm_registry import settings_class
from rounds import presets
from rounds.work import REFERENCE_PARAMETERS, Facts

TURNS = 4  # the first is warm-up
NEW_TOKENS = 48
TRL = "benchmarks.policy_speed_trl"
PROMPTS, TASTE = 64, "lists"  # to rise on
RISE, MEAN_OF, MOST_SECONDS = 0.25, 2, 540  # of the taste; iterations whose mean counts; of each side
PEERS_GET = {"truncation_penalty": 4.0, "learning_rate": 5e-4}  # what our own RLOO was found to need on this taste
KL_BUDGET = 5.0
NO_PEER = "not measured: --peer names the python of an environment with trl"


def iteration(
    setting: Setting, *, algorithm: str, trl: str, prompts: int, samples: int, epochs: int,
    natural_ends: bool = False, variants: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Steps of both sides, and the medians of the turns' ratios."""
    rows = prompts * samples
    task = _task(setting, algorithm, prompts, samples, epochs, natural_ends) | {
        "prompts": setting.prompts(prompts), "messages": _messages(setting, prompts), "taste": None,
        "learning_rate": 1e-5,  # hardly moves the policy: every step costs the same
    }  # fmt: skip
    steps_off = {"update_kl_target": 1e9, "kl_budget_nats": 1e9, "guards": {"stop": False}}  # what would end it early
    sides = _sides(setting, trl, rows, variants=variants)
    steps = _measured(setting, task, sides, steps_off)
    row: dict[str, Any] = {
        "algorithm": algorithm, "prompts": prompts, "rows": rows, "epochs": epochs, "new_tokens": task["new_tokens"],
        "natural_ends": natural_ends,
    }  # fmt: skip
    for name, found in steps.items():
        row[name] = compared(steps, name) | {"tokens": [step["tokens"] for step in found]}
    row["ours"]["phases"] = steps["ours"][-1]["phases"]
    row["ours"]["tokens_a_second"] = _tokens_a_second(steps["ours"], epochs)
    return row if setting.peer else row | {"peer": NO_PEER}


def _tokens_a_second(steps: list[Step], epochs: int) -> dict[str, float]:
    """Medians over the steps: completion tokens drawn a second, and trained on, each as often as there are epochs."""
    phases = {"drawn": (1, "seconds_sample"), "trained": (epochs, "seconds_update")}
    return {
        name: round(statistics.median(times * step["tokens"] / step["phases"][seconds] for step in steps), 1)
        for name, (times, seconds) in phases.items()
    }


def time_to_rise(setting: Setting, *, algorithm: str, trl: str) -> dict[str, Any]:
    """Seconds until a mean over fresh completions is RISE above the base's, for both sides, and the ratio. All are
    trained on the taste with the zero and the unit that it has on the base's completions.

    A side that passes the KL budget or MOST_SECONDS before that has not risen: `rose` is null.
    """
    prompts, samples, epochs = (8, 4, 4) if trl != "rloo" else (8, 4, 1)
    zero, unit = Task(_demo(setting), TASTE).zero_and_unit(PROMPTS)
    task = _task(setting, algorithm, prompts, samples, epochs, True) | {
        "prompts": _demo(setting).prompts(PROMPTS), "messages": _messages(_demo(setting), PROMPTS), "taste": TASTE,
        "taste_zero": zero, "taste_unit": unit, **PEERS_GET,
    }  # fmt: skip
    most, rise = setting.trials(MOST_SECONDS, 2), RISE
    usual = settings_class(algorithm)()  # ours with its defaults
    settings = {name: getattr(usual, name) for name in ("epochs", "minibatches", "truncation_penalty", "learning_rate")}
    settings |= {"kl_budget_nats": KL_BUDGET, "final_learning_rate_share": 1.0, "steps": 1000}
    fast = _settings(algorithm, task, settings | fast_settings(algorithm))
    sides = _sides(setting, trl, prompts * samples) | {"fast": _ours(settings=fast, folder="fast")}
    found: dict[str, list[Step]] = {}
    with tempfile.TemporaryDirectory() as work:
        whole = task | {"work": work, "settings": _settings(algorithm, task, settings)}
        with started(sides, whole) as take:
            waiting = dict(take)
            while waiting:
                for name, step in list(waiting.items()):
                    found.setdefault(name, []).append(step())
                    print(name, json.dumps(found[name][-1]), file=sys.stderr, flush=True)
                    base = sum(steps[0]["score"] for steps in found.values()) / len(found)
                    if _ended(found[name], base + rise, most):
                        del waiting[name]
    base = sum(steps[0]["score"] for steps in found.values()) / len(found)
    row: dict[str, Any] = {"algorithm": algorithm, "taste": TASTE, "rise": rise, "taste_of_base": round(base, 3)}
    for name, steps in found.items():
        row[name] = _course(steps, base + rise)
    for name, own in itertools.product(set(found) - {"ours", "fast"}, ("ours", "fast")):
        row[name][f"{own}_is_times_as_fast"] = times_as_fast(row[own], row[name])
    return row if setting.peer else row | {"peer": NO_PEER}


def fast_preset(setting: Setting) -> dict[str, Any]:
    """PPO's defaults on prompts of the demo: an iteration of the preset fast beside one that trains all layers."""
    usual, turns = settings_class("ppo")(), setting.trials(TURNS, 2)
    names = ("prompts_per_step", "samples_per_prompt", "epochs", "minibatches")
    task = {name: 2 if setting.short else getattr(usual, name) for name in names} | {
        "base": str(ensure(setting.base)), "algorithm": "ppo", "natural_ends": True, "taste": "lists",
        "truncation_penalty": 2.0, "temperature": 0.7, "seed": setting.seed, "new_tokens": setting.trials(64, 8),
        "prompts": _demo(setting).prompts(PROMPTS), "learning_rate": 1e-5,
    }  # fmt: skip
    task["rows"] = task["prompts_per_step"] * task["samples_per_prompt"]
    off = {"steps": turns, "update_kl_target": 1e9, "kl_budget_nats": 1e9, "guards": {"stop": False}}
    fast = fast_settings("ppo") | {"learning_rate": 1e-5}  # hardly moves the policy: every step costs the same
    ways = {"ours": off | fast, "all_layers": off}
    sides = {name: _ours(settings=_settings("ppo", task, chosen), folder=name) for name, chosen in ways.items()}
    with tempfile.TemporaryDirectory() as work:
        steps = in_turns(sides, task | {"work": work}, turns)
    row: dict[str, Any] = {"algorithm": "ppo", "rows": task["rows"], "frozen_share": fast["frozen_share"]}
    for name, found in steps.items():
        row[name] = compared(steps, name) | {"tokens": [step["tokens"] for step in found]}
        row[name]["phases"] = found[-1]["phases"]
    return row


def fast_settings(algorithm: str) -> dict[str, Any]:
    """What the preset fast sets of an algorithm."""
    found = presets.settings_of("train-policy", presets.FAST, Facts(parameters=REFERENCE_PARAMETERS))
    names = ("frozen_share", "learning_rate")
    return {name: found[f"{algorithm}.{name}"] for name in names}


def times_as_fast(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """How many times as fast ours rose. Where one side has not risen within its time or budget, the ratio with all of
    its seconds is a bound: `at` least or most; `times` is None where neither has."""
    rose, other = ours["rose"], theirs["rose"]
    if not rose and not other:
        return {"times": None, "at": None}
    times = (other or theirs)["seconds"] / (rose or ours)["seconds"]
    return {"times": round(times, 2), "at": None if rose and other else "least" if rose else "most"}


def _ended(steps: list[Step], target: float, most_seconds: float) -> bool:
    last = steps[-1]
    if last.get("stopped") or last["kl_nats"] > KL_BUDGET or sum(step["seconds"] for step in steps) > most_seconds:
        return True
    return _risen(steps, target) is not None


def _risen(steps: list[Step], target: float) -> int | None:
    """The first step after which the mean score of the last MEAN_OF fresh batches is at the target, within budget."""
    drawn = [step for step in steps if "score" in step]
    for place in range(MEAN_OF, len(drawn) + 1):
        latest = drawn[place - MEAN_OF : place]
        if drawn[place - 1]["kl_nats"] > KL_BUDGET:
            return None
        if sum(step["score"] for step in latest) / MEAN_OF >= target:
            return place
    return None


def _course(steps: list[Step], target: float) -> dict[str, Any]:
    place = _risen(steps, target)
    drawn = [step for step in steps if "score" in step]
    rose = None
    if place is not None:
        rose = {
            "iterations": place,
            "seconds": round(sum(step["seconds"] for step in drawn[:place]), 1),
            "processor_seconds": round(sum(step["processor_seconds"] for step in drawn[:place]), 1),
            "kl_nats": round(drawn[place - 1]["kl_nats"], 2),
        }
    return {
        "rose": rose,
        "scores": [round(step["score"], 3) for step in drawn],
        "kl_nats": [round(step["kl_nats"], 2) for step in drawn],
        "seconds": round(sum(step["seconds"] for step in steps), 1),
        "peak_gb": round(steps[-1]["peak_gb"], 2),
    }


def _measured(
    setting: Setting, task: dict[str, Any], sides: Mapping[str, Side], settings: dict[str, Any]
) -> dict[str, list[Step]]:
    turns = setting.trials(TURNS, 2)
    with tempfile.TemporaryDirectory() as work:
        chosen = _settings(task["algorithm"], task, settings | {"steps": turns})
        return in_turns(sides, task | {"work": work, "settings": chosen}, turns)


def _task(
    setting: Setting, algorithm: str, prompts: int, samples: int, epochs: int, natural_ends: bool
) -> dict[str, Any]:
    return {
        "base": str(ensure(setting.base)),
        "algorithm": algorithm,
        "rows": prompts * samples,
        "prompts_per_step": prompts,
        "samples_per_prompt": samples,
        "epochs": epochs,
        "minibatches": 1,
        "new_tokens": setting.trials(NEW_TOKENS, 8),
        "natural_ends": natural_ends,
        "temperature": 0.7,
        "truncation_penalty": 0.0,
        "seed": setting.seed,
    }


def _settings(algorithm: str, task: dict[str, Any], chosen: dict[str, Any]) -> dict[str, Any]:
    """Those of our algorithm that a task decides; what an algorithm has no setting for does not concern it."""
    wanted = {name: value for name, value in task.items() if name not in ("prompts", "base")} | chosen
    sampling = {"max_new_tokens": task["new_tokens"], "batch_size": task["rows"], "temperature": task["temperature"]}
    fields = settings_class(algorithm).model_fields
    return {name: value for name, value in wanted.items() if name in fields} | {"sampling": sampling}


def _sides(setting: Setting, trl: str, rows: int, *, variants: bool = False) -> dict[str, Side]:
    """Ours and the peer as it comes, or ours and the peer's variants."""
    sides = {"ours": _ours()}
    if setting.peer is None:
        return sides
    python, small = str(setting.peer), max(rows // 4, 1)
    ways: dict[str, dict[str, Any]] = {
        "ppo": {
            "trl": {"value_lora": False},
            "trl_value_lora": {"value_lora": True},
        },
        "rloo": {
            "trl": {"rows_at_once": small, "recompute": True},
            "trl_kept": {"rows_at_once": small, "recompute": False},
        },
        "shared_trunk": {"trl": {}},
    }
    for name, own in ways[trl].items():
        if (name == "trl") != variants:
            sides[name] = Side(python, TRL, trl, own)
    return sides


def _ours(**own: Any) -> Side:
    return Side(sys.executable, "benchmarks.policy_speed_sides", "ours", own)


def _demo(setting: Setting) -> Setting:
    """The demo's prompts, which ask for one short sentence: the taste needs completions that end."""
    return Setting(setting.base, setting.seed, None, setting.short)


def _messages(setting: Setting, count: int) -> list[list[dict[str, str]]]:
    """The prompts as chat messages, for who renders them alone; by the same template they are the same tokens."""
    return [
        [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": text}]
        for text in setting.requests(count)
    ]


PPO: dict[str, Any] = {"algorithm": "ppo", "prompts": 16, "samples": 1, "epochs": 4}
RLOO: dict[str, Any] = {"algorithm": "rloo", "prompts": 8, "samples": 4, "epochs": 1}
CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "ppo_iteration": partial(iteration, **PPO, trl="ppo"),
    "ppo_iteration_natural": partial(iteration, **PPO, trl="ppo", natural_ends=True),
    "ppo_iteration_variants": partial(iteration, **PPO, trl="ppo", variants=True),
    "fast_preset": fast_preset,
    "shared_trunk": partial(iteration, **PPO, trl="shared_trunk"),
    "rloo": partial(iteration, **RLOO, trl="rloo"),
    "rloo_variants": partial(iteration, **RLOO, trl="rloo", variants=True),
    "time_to_rise_ppo": partial(time_to_rise, algorithm="ppo", trl="ppo"),
    "time_to_rise_rloo": partial(time_to_rise, algorithm="ppo", trl="rloo"),
    "time_to_rise_shared_trunk": partial(time_to_rise, algorithm="ppo", trl="shared_trunk"),
}
