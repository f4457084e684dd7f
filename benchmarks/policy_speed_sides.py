"""Our side of benchmarks.policy_speed: a process that improves a policy, one iteration for each turn that it is given.

Run as `python -m benchmarks.policy_speed_sides ours`. After a turn it tells the mean score of the completions that it
sampled, how many tokens these have, KL a sequence, and the seconds of each phase.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.policy_scores import Scores
from benchmarks.turns import Turns
from language_models.model import LanguageModel, use_threads
from policy_training.algorithm_registry import settings_class, trainer
from policy_training.records import Given, PromptItem, StepReport


def ours(task: dict[str, Any]) -> None:
    """Our algorithm of the task's settings. A step is an iteration with its checkpoint."""
    use_threads()
    model, scores, turns = LanguageModel.load(task["base"]), Scores(task), Turns()
    if not task["natural_ends"]:
        model.stop_ids = frozenset()

    def on_step(report: StepReport) -> None:
        phases = {name: value for name, value in report.metrics.items() if name.startswith("seconds_")}
        turns.tell(**scores.told(), kl_nats=report.metrics["kl_nats"], phases=phases)
        turns.await_turn()

    def reward(_: Any, sampled: Sequence[Any]) -> list[float]:
        return scores.of(
            [one.text for one in sampled], [one.finished for one in sampled], [len(one.token_ids) for one in sampled]
        )

    items = [PromptItem(place, ids) for place, ids in enumerate(task["prompts"])]
    settings = settings_class(task["algorithm"]).model_validate(task["settings"])
    given = Given(model, items, reward, Path(task["work"]) / task.get("folder", "ours"), on_step)
    turns.ready()
    turns.await_turn()
    trainer(task["algorithm"])(given, settings)
    while True:  # it stopped early, by a guard of its own
        turns.tell(stopped=True)
        turns.await_turn()


if __name__ == "__main__":
    {"ours": ours}[sys.argv[1]](json.loads(sys.stdin.readline()))
