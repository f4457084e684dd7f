"""What a policy writes while it is trained: the same few prompts at several steps, kept as a file of the run.

One line of JSON a text. A step that is drawn again (after a kill) is appended again; the last line of a prompt and step
counts, and a line that a kill cut off does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rounds import json_lines

FILE = "samples.jsonl"


@dataclass(frozen=True)
class ShownSample:
    """A text of a prompt after `step` steps (0: the policy that it started from). `score`: by the run's reward;
    `parts`: what each part of it adds, where there are several.
    """

    step: int
    prompt_id: int
    text: str
    cut_off: bool
    tokens: int | None = None
    score: float | None = None
    parts: dict[str, float] | None = None


def steps_to_show(steps: int, times: int) -> list[int]:
    """The steps after which samples are drawn on the way: `times` of them, evenly, neither the start nor the end."""
    return sorted({round(steps * place / (times + 1)) for place in range(1, times + 1)} - {0, steps})


def add(folder: Path, samples: Iterable[ShownSample]) -> None:
    """Append to the run's file, whole lines at once; on the disk when this returns."""
    json_lines.append(folder / FILE, (asdict(one) for one in samples))


def read(folder: Path) -> list[ShownSample]:
    """What was kept, by step and prompt; empty where there is nothing."""
    found: dict[tuple[int, int], ShownSample] = {}
    for line in json_lines.lines(folder / FILE):
        try:
            one = ShownSample(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[one.step, one.prompt_id] = one
    return [found[key] for key in sorted(found)]
