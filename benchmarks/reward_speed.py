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

import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import reward_accuracy
from benchmarks.reward_accuracy import SIDES
from benchmarks.setting import SYSTEM_PROMPT, Setting
from benchmarks.turns import Side, compared, in_turns
from language_models.fetch import ensure

TURNS = 6  # the first is warm-up
PAIRS_PER_STEP = {"question": 8, "passages": 4}


def measure(setting: Setting, kind: str, depth: float | None) -> dict[str, Any]:
    """Median pairs a second and peak memory of each side, and medians of the turns' ratios to ours."""
    turns, per_step = setting.trials(TURNS, 2), PAIRS_PER_STEP[kind]
    pairs = judged_pairs(setting, kind)[: turns * per_step]
    if len(pairs) < turns * per_step:
        raise ValueError(f"{len(pairs)} pairs: {turns * per_step} are needed for {turns} steps of {per_step}")
    sides = {"ours": Side(sys.executable, SIDES, "ours", {"depth": depth})}
    if setting.peer is not None:
        sides["trl"] = Side(str(setting.peer), SIDES, "trl", {"recompute": True})
        if not setting.short and kind == "question":  # with passages three sides at once need more than 24 GB
            sides["trl_kept"] = Side(str(setting.peer), SIDES, "trl", {"recompute": False})
    with tempfile.TemporaryDirectory() as folder:
        task = {
            "base": str(ensure(setting.base)),
            "pairs": pairs,
            "pairs_per_step": per_step,
            "seed": setting.seed,
            "work": folder,
        }
        steps = in_turns(sides, task, turns)
    row: dict[str, Any] = {"pairs": len(pairs), "depth": depth or "default"}
    for name, found in steps.items():
        seconds = statistics.median(step["seconds"] for step in found)
        row[name] = {"pairs_per_second": round(per_step / seconds, 3)} | compared(steps, name)
    if setting.peer is None:
        row["peer"] = "not measured: --peer names the python of an environment with trl"
    return row


def judged_pairs(setting: Setting, kind: str) -> list[dict[str, Any]]:
    """A decided pair of each question of qa_feedback, with its prompt: the question, or passages and question. Without
    data pairs of the length of the bundled model's answers: what they say does not change the speed."""
    if setting.data is None:
        answer = "A walk after dinner, a good book, and a cup of tea are simple ways to end a long day in peace"
        asked = " ".join(["Some passage to be read."] * 100) if kind == "passages" else ""
        return [
            _pair(f"{asked} How do I rest, {place}?", answer + ".", answer + "!", str(place)) for place in range(300)
        ]
    found = []
    for question in setting.questions():
        passages = "\n\n".join("\n".join(passage) for passage in question["passages"])
        asked = f"{passages}\n\n{question['question']}" if kind == "passages" else question["question"]
        for one in [one for one in question["comparisons"] if one["verdict"] != "tie"][:1]:
            first, second = question["completions"][one["a"]], question["completions"][one["b"]]
            chosen, rejected = (first, second) if one["verdict"] == "a" else (second, first)
            found.append(_pair(asked, chosen, rejected, str(len(found))))
    return found


def _pair(asked: str, chosen: str, rejected: str, group: str) -> dict[str, Any]:
    prompt = [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": asked}]
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, "group": group}


CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "question": partial(measure, kind="question", depth=None),
    "passages": partial(measure, kind="passages", depth=None),
    "question_all_layers": partial(measure, kind="question", depth=1.0),
    "passages_all_layers": partial(measure, kind="passages", depth=1.0),
    **reward_accuracy.CELLS,
}
