"""Reward training, LoRA rank 16, beside TRL's RewardTrainer: pairs a second and peak memory of real preferences.

TRL is not a dependency. It runs in an environment of its own, whose python is named by --peer; without it ours is
measured alone and the row says so:

    python3.11 -m venv trl-environment
    trl-environment/bin/pip install -c constraints.txt torch trl==1.16.0 transformers peft datasets
    .venv/bin/python -m benchmarks --only reward --data DIR --peer trl-environment/bin/python

Each trainer is a process of its own. They take turns, one optimiser step each, on the same pairs, token for token, in
fp32, so that what else the machine does meets all of them; a step's ratio is taken within its turn. TRL trains LoRA on
all layers and scores the last token; ours does by default on the lower two thirds. The cells `..._all_layers` have
ours on all layers as well. `trl` is TRL as it comes (it recomputes states to save memory), `trl_kept` the same without
recomputing: faster, with more memory.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.setting import SYSTEM_PROMPT, Setting
from language_models.fetch import ensure

TURNS = 6  # the first is warm-up
PAIRS_PER_STEP = {"question": 8, "passages": 4}
ROOT = Path(__file__).parent.parent


def measure(setting: Setting, kind: str, depth: float | None) -> dict[str, Any]:
    """Median pairs a second and peak memory of each side, and medians of the turns' ratios to ours."""
    turns, per_step = setting.trials(TURNS, 2), PAIRS_PER_STEP[kind]
    pairs = judged_pairs(setting, kind)[: turns * per_step]
    if len(pairs) < turns * per_step:
        raise ValueError(f"{len(pairs)} pairs: {turns * per_step} are needed for {turns} steps of {per_step}")
    sides = {"ours": (sys.executable, "ours", {"depth": depth})}
    if setting.peer is not None:
        sides["trl"] = (str(setting.peer), "trl", {"recompute": True})
        if not setting.short:
            sides["trl_kept"] = (str(setting.peer), "trl", {"recompute": False})
    with tempfile.TemporaryDirectory() as folder:
        task = {
            "base": str(ensure(setting.base)),
            "pairs": pairs,
            "pairs_per_step": per_step,
            "seed": setting.seed,
            "work": folder,
        }
        found = _take_turns(sides, task, turns)
    row: dict[str, Any] = {"pairs": len(pairs), "depth": depth or "default", **found}
    if setting.peer is None:
        row["peer"] = "not measured: --peer names the python of an environment with trl"
    return row


def _take_turns(sides: dict[str, tuple[str, str, dict[str, Any]]], task: dict[str, Any], turns: int) -> dict[str, Any]:
    """Starts every side, lets them step in turns; the first turn warms up and does not count."""
    started: dict[str, subprocess.Popen[str]] = {}
    try:
        for name, (python, side, more) in sides.items():
            started[name] = subprocess.Popen(
                [python, "-m", "benchmarks.reward_speed_sides", side],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "HF_HUB_OFFLINE": "1"},
            )
            _tell(started[name], json.dumps({**task, **more}))
            _told(name, started[name])  # it has loaded its model and waits
        steps: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        for _ in range(turns):
            for name, process in started.items():
                _tell(process, "step")
                steps[name].append(_told(name, process))
    finally:
        for process in started.values():
            process.kill()
            process.wait()
    seconds = {name: [step["seconds"] for step in found[1:]] for name, found in steps.items()}
    memory = {name: found[-1]["peak_gb"] for name, found in steps.items()}
    row: dict[str, Any] = {}
    for name, times in seconds.items():
        row[name] = {
            "pairs_per_second": round(task["pairs_per_step"] / statistics.median(times), 3),
            "seconds_a_step": [round(time, 2) for time in times],
            "processor_seconds_a_step": [round(step["processor_seconds"], 2) for step in steps[name][1:]],
            "peak_gb": memory[name],
        }
        if name != "ours":
            ratios = [theirs / ours for theirs, ours in zip(times, seconds["ours"], strict=True)]
            row[name] |= {
                "ours_is_times_as_fast": round(statistics.median(ratios), 2),
                "lowest_and_highest": [round(min(ratios), 2), round(max(ratios), 2)],
                "ours_is_times_as_fast_by_processor_time": round(_by_processor(steps, name), 2),
                "our_share_of_memory": round(memory["ours"] / memory[name], 2),
            }
    return row


def _by_processor(steps: dict[str, list[dict[str, float]]], name: str) -> float:
    """Median of the turns' ratios of processor time: it varies less than seconds where others want the machine too."""
    turns = zip(steps[name][1:], steps["ours"][1:], strict=True)
    return statistics.median(theirs["processor_seconds"] / ours["processor_seconds"] for theirs, ours in turns)


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _told(name: str, process: subprocess.Popen[str]) -> dict[str, float]:
    """The next JSON line; other lines are the library's own. Raises RuntimeError where the side ended."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            found: dict[str, float] = json.loads(line)
            return found
    raise RuntimeError(f"the side {name!r} of the benchmark ended with exit code {process.wait()}; see its messages")


def judged_pairs(setting: Setting, kind: str) -> list[dict[str, Any]]:
    """A decided pair of each question of qa_feedback, with its prompt: the question, or passages and question. Without
    data pairs of the length of the bundled model's answers: what they say does not change the speed."""
    if setting.data is None:
        answer = "A walk after dinner, a good book, and a cup of tea are simple ways to end a long day in peace"
        asked = " ".join(["Some passage to be read."] * 100) if kind == "passages" else ""
        return [_pair(f"{asked} How do I rest, {place}?", answer + ".", answer + "!") for place in range(100)]
    found = []
    for question in setting.questions():
        passages = "\n\n".join("\n".join(passage) for passage in question["passages"])
        asked = f"{passages}\n\n{question['question']}" if kind == "passages" else question["question"]
        for one in [one for one in question["comparisons"] if one["verdict"] != "tie"][:1]:
            first, second = question["completions"][one["a"]], question["completions"][one["b"]]
            found.append(_pair(asked, *((first, second) if one["verdict"] == "a" else (second, first))))
    return found


def _pair(asked: str, chosen: str, rejected: str) -> dict[str, Any]:
    prompt = [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": asked}]
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "question": partial(measure, kind="question", depth=None),
    "passages": partial(measure, kind="passages", depth=None),
    "question_all_layers": partial(measure, kind="question", depth=1.0),
    "passages_all_layers": partial(measure, kind="passages", depth=1.0),
}
