"""How right a LoRA reward is beside one of TRL's RewardTrainer, after the same few pairs: UKPConvArg1 by debate.

One fixed split: the three debates on which nothing of ours was ever tuned are the test, all of their decided pairs. A
seed draws the training pairs from the decided ones of the other nine debates, their order, and how the adapters start.
Both sides see the same pairs once, token for token, eight a step, with rank 16 on linear layers in 32 bits, Adam and a
rate that falls linearly from its start to 0, gradients clipped to 1.

`accuracy`: both start at 1e-4, the default of both trainers. `accuracy_advised_rate`: TRL at 1e-3, which its
documentation advises for adapters (docs/source/reward_trainer.md, "Train adapters with PEFT"); ours stays at 1e-4.
What else differs is what each trainer is: ours fits a head on averaged states of two thirds of the layers before the
adapter's first step, TRL learns a head for the last token's top state together with the adapter.

Intervals draw the test's texts, so they hold for texts of these debates, under this seed's training.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.intervals import mean_of_pairs
from benchmarks.setting import KEPT_OUT, SYSTEM_PROMPT, Setting
from benchmarks.turns import Side, Step, in_turns
from language_models.fetch import ensure
from reward_training.likelihood import FIRST, Floats
from reward_training.metrics import hits

SIDES = "benchmarks.reward_sides"
PAIRS, PAIRS_PER_STEP = 200, 8
SHORT_STEPS, SHORT_TEXTS = 2, 24


@dataclass(frozen=True)
class Split:
    """What trains, and what is asked: M texts, and N pairs of them by their places, the better one first."""

    pairs: list[dict[str, Any]]
    texts: list[dict[str, Any]]
    better: NDArray[np.int64]  # (N,)
    worse: NDArray[np.int64]  # (N,)
    debates: list[str]  # of the test

    def right(self, scores: Floats) -> Floats:
        """(M,) scores -> (N,): 1 where the better text has the higher one, a half where they are equal."""
        return hits(scores[self.better] - scores[self.worse], np.full(len(self.better), FIRST))


def measure(setting: Setting, rates: dict[str, float]) -> dict[str, Any]:
    """Accuracy of both on the test pairs, and the paired difference. `rates`: TRL's learning rate, where it is not its
    default."""
    steps = setting.trials(PAIRS // PAIRS_PER_STEP, SHORT_STEPS)
    split = divided(setting, steps * PAIRS_PER_STEP)
    sides = {"ours": Side(sys.executable, SIDES, "ours", {"depth": None})}
    if setting.peer is not None:
        sides["trl"] = Side(str(setting.peer), SIDES, "trl", {"recompute": False, **rates})
    with tempfile.TemporaryDirectory() as folder:
        task = {
            "base": str(ensure(setting.base)),
            "pairs": split.pairs,
            "pairs_per_step": PAIRS_PER_STEP,
            "texts": split.texts,
            "seed": setting.seed,
            "work": folder,
        }
        told = in_turns(sides, task, steps + 1)  # the last turn reads the texts
    return {
        "pairs": len(split.pairs),
        "epochs": 1,
        "pairs_per_step": PAIRS_PER_STEP,
        "test_debates": split.debates,
        "test_texts": len(split.texts),
        "test_pairs": len(split.better),
        **compared(split, told),
    } | ({} if setting.peer else {"peer": "not measured: --peer names the python of an environment with trl"})


def compared(split: Split, told: dict[str, list[Step]]) -> dict[str, Any]:
    """Accuracy on the test pairs of each side and of "the longer one wins", and how far ours is ahead of the others."""
    right = {name: split.right(np.array(steps[-1]["scores"])) for name, steps in told.items()}
    right["longer_wins"] = split.right(np.array([len(text["completion"]) for text in split.texts], dtype=float))
    ahead = {name: right["ours"] - one for name, one in right.items() if name != "ours"}
    return {
        "accuracy": {name: mean_of_pairs(one, split.better, split.worse) for name, one in right.items()},
        "ours_less": {name: mean_of_pairs(one, split.better, split.worse) for name, one in ahead.items()},
    }


def divided(setting: Setting, pairs: int) -> Split:
    """The fixed split by debate, and so many training pairs as the seed draws them. Raises ValueError without --data,
    or where there are too few."""
    arguments = {one["id"]: one for one in setting.rows("ukpconvarg1/arguments.jsonl.gz")}
    decided = [one for one in setting.rows("ukpconvarg1/comparisons.jsonl.gz") if one["gold"] in ("a", "b")]
    debates = sorted({one["debate"] for one in arguments.values()})[:KEPT_OUT]
    training = [one for one in decided if one["debate"] not in debates]
    if len(training) < pairs:
        raise ValueError(f"{len(training)} decided pairs outside of {', '.join(debates)}: {pairs} are needed")
    drawn = np.random.default_rng(setting.seed).permutation(len(training))[:pairs]
    names = [name for name, one in arguments.items() if one["debate"] in debates]
    names = names[:SHORT_TEXTS] if setting.short else names
    place = {name: row for row, name in enumerate(names)}
    tested = [_better_first(one) for one in decided if one["a"] in place and one["b"] in place]
    return Split(
        pairs=[_pair(arguments, training[row]) for row in drawn],
        texts=[{"prompt": _prompt(arguments[name]), "completion": arguments[name]["text"]} for name in names],
        better=np.array([place[better] for better, _ in tested], dtype=np.int64),
        worse=np.array([place[worse] for _, worse in tested], dtype=np.int64),
        debates=debates,
    )


def _pair(arguments: dict[str, dict[str, Any]], comparison: dict[str, Any]) -> dict[str, Any]:
    better, worse = (arguments[name] for name in _better_first(comparison))
    return {
        "prompt": _prompt(better), "chosen": better["text"], "rejected": worse["text"], "group": comparison["debate"],
    }  # fmt: skip


def _better_first(comparison: dict[str, Any]) -> tuple[str, str]:
    first, second = comparison["a"], comparison["b"]
    return (first, second) if comparison["gold"] == "a" else (second, first)


def _prompt(argument: dict[str, Any]) -> list[dict[str, str]]:
    return [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": argument["title"]}]


CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "accuracy": partial(measure, rates={}),
    "accuracy_advised_rate": partial(measure, rates={"rate": 1e-3}),
}
