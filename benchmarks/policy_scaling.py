"""How an iteration of PPO grows with its work: processor time a real token and peak memory at 1, 4 and 16 times the
rows, and memory at 1, 4 and 16 times the prompts of a run at equal rows.

Each size samples, measures and updates twice, of which the second is told: the first warms up. All draw as many
completions at once. Real tokens are those of each row's prompt and completion, without
padding.
"""

import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import growth
from benchmarks.growth import Task, Told
from benchmarks.setting import Setting, peak_gigabytes
from language_models.fetch import ensure

SIZES = (1, 4, 16)
ROWS, ROUNDS, NEW_TOKENS = 8, 2, 48


def measure(setting: Setting) -> dict[str, Any]:
    """By size: rows, prompts of the run, real tokens, microseconds of processor time a token (median), peak memory; and
    how many times those of the smallest the largest takes."""
    prompts = setting.prompts(ROWS * SIZES[-1])
    rows = setting.trials(ROWS, 2)
    common = {"base": str(ensure(setting.base)), "seed": setting.seed, "new_tokens": setting.trials(NEW_TOKENS, 8)}
    tasks: dict[str, Task] = {}
    for size in SIZES:
        many = [prompts[place % len(prompts)] for place in range(rows * size)]
        tasks[f"rows_{size}x"] = common | {"rows": rows * size, "prompts": many}
        tasks[f"prompts_{size}x"] = common | {"rows": rows, "prompts": many}
    del tasks[f"prompts_{SIZES[0]}x"]  # the same as the first
    found = growth.measured("benchmarks.policy_scaling", tasks, setting.trials(ROUNDS, 1))
    row: dict[str, Any] = {
        name: {"rows": tasks[name]["rows"], "prompts": len(tasks[name]["prompts"])} | growth.of_size(told)
        for name, told in found.items()
    }
    first, last, many = found[f"rows_{SIZES[0]}x"], found[f"rows_{SIZES[-1]}x"], found[f"prompts_{SIZES[-1]}x"]
    row["time_a_token_times"] = growth.time_a_token_times(first, last)
    row["memory_times_by_rows"] = growth.memory_times(first, last)
    row["memory_times_by_prompts"] = growth.memory_times(first, many)
    return row


class _Measured(Exception):
    """The iterations are over: the pass that would measure its result is not needed."""


def child(task: Task) -> Told:
    """The second of two iterations."""
    from language_models.model import LanguageModel, use_threads
    from language_models.sampling import Sampled
    from language_models.settings import SamplingSettings
    from policy_training.algorithms import ppo
    from policy_training.algorithms.settings.ppo import Settings
    from policy_training.records import Given, PromptItem, StepReport
    from policy_training.settings import GuardSettings

    use_threads()
    model = LanguageModel.load(task["base"])
    settings = Settings(
        steps=2, prompts_per_step=task["rows"], samples_per_prompt=1, minibatches=1, learning_rate=1e-5,
        update_kl_target=1e9, kl_budget_nats=1e9, guards=GuardSettings(stop=False), seed=task["seed"],
        sampling=SamplingSettings(max_new_tokens=task["new_tokens"], batch_size=ROWS),
    )  # fmt: skip
    tokens = 0

    def reward(prompts: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        nonlocal tokens
        tokens += sum(len(item.token_ids) for item in prompts) + sum(len(one.token_ids) for one in sampled)
        return [float(one.text.count(",")) for one in sampled]

    began = seconds = 0.0

    def on_step(report: StepReport) -> None:
        nonlocal began, seconds, tokens
        if report.step == 0:
            began, tokens = time.process_time(), 0
            return
        seconds = time.process_time() - began
        raise _Measured

    items = [PromptItem(place, ids) for place, ids in enumerate(task["prompts"])]
    with TemporaryDirectory() as folder, suppress(_Measured):
        ppo.train(Given(model, items, reward, Path(folder), on_step), settings)
    return {"tokens": tokens, "seconds": seconds, "peak_gb": peak_gigabytes()}


if __name__ == "__main__":
    print(json.dumps(child(json.loads(sys.stdin.readline()))))
