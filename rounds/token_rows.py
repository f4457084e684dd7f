"""A few rollouts of a policy's training, token by token, kept as a file of the run.

One line of JSON a rollout: of each iteration the first four, of a run of 100 iterations or more those of 50 to 100
that lie evenly. A rollout that comes again (after a kill) is appended again; the last line counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rounds import json_lines
from rounds.plain import plain

FILE = "tokens.jsonl"
MOST_STEPS = 100
MOST_TOKENS = 1024  # of a rollout
KEY = re.compile(rb'\{"step": (\d+), "rollout": (\d+), ')


def is_kept(step: int, steps: int) -> bool:
    """Whether an iteration is one of those whose rollouts are kept."""
    return step % (steps // MOST_STEPS + 1) == 0


def add(folder: Path, step: int, rollouts: Sequence[Mapping[str, Any]]) -> None:
    """Append the rollouts of an iteration, the fields of policy_training's RolloutTokens; of a longer one its first
    tokens, where `length` tells how many it has."""
    rows = [
        {
            "step": step,
            "rollout": place,
            "length": len(one["tokens"]),
            **one,
            "tokens": one["tokens"][:MOST_TOKENS],
            "figures": {name: values[:MOST_TOKENS] for name, values in one["figures"].items()},
        }
        for place, one in enumerate(rollouts)
    ]
    if rows:
        json_lines.append(folder / FILE, [plain(row) for row in rows])


def take_over(old: Path, new: Path, below: int) -> None:
    """Copy what another run kept of its iterations before one."""
    (new / FILE).unlink(missing_ok=True)
    kept = [json.loads(line) for (step, _), line in _by_key(old).items() if step < below]
    if kept:
        json_lines.append(new / FILE, kept)


def read(folder: Path, *, step: int | None, first: int, count: int) -> tuple[int, list[int], list[dict[str, Any]]]:
    """How many rollouts there are (of one iteration, where it is named), the iterations that have any, and the rollouts
    from the `first` on, by iteration and place."""
    found = _by_key(folder)
    keys = sorted(key for key in found if step is None or key[0] == step)
    rows = [json.loads(found[key]) for key in keys[first : first + count]]
    return len(keys), sorted({one for one, _ in found}), rows


def _by_key(folder: Path) -> dict[tuple[int, int], bytes]:
    """The whole lines by iteration and place; only their beginnings are read."""
    found: dict[tuple[int, int], bytes] = {}
    for line in json_lines.lines(folder / FILE):
        key = KEY.match(line)
        if key and line.endswith(b"}}"):
            found[int(key[1]), int(key[2])] = line
    return found
