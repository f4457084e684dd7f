"""What a training run began with, written down by its first attempt: later attempts, and runs that go on from it, train
on the same, whatever was changed in the study since. Torch-free.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rounds.settings import StudySettings
from rounds.whole_file import write_whole

FILE = "began_with.json"  # in a run's folder


@dataclass(frozen=True)
class Beginning:
    """Policy (for a reward: the one that wrote its reference texts) and reward model by name (None where the run takes
    none), the study's system prompt and how it draws texts, the ids of the training prompts, of the held-out ones that
    choose and (for a reward) of the reference texts, and what check questions and repeats said of people (likewise).
    None where a version before did not write it down.
    """

    start_policy: str
    reward_model: str | None
    system_prompt: str | None = None
    sampling: dict[str, Any] | None = None
    prompt_ids: list[int] | None = None
    held_out_ids: list[int] | None = None
    reference_ids: list[int] | None = None
    evidence: list[dict[str, Any]] | None = None

    def names(self) -> dict[str, str]:
        """What is a setting of the run, by its name."""
        return {"start_policy": self.start_policy, **({"reward_model": self.reward_model} if self.reward_model else {})}

    def completed(self, study: StudySettings, prompt_ids: Sequence[int], held_out_ids: Sequence[int] = ()) -> Beginning:
        """With what the study says now where nothing was written down."""
        return replace(
            self,
            system_prompt=study.system_prompt if self.system_prompt is None else self.system_prompt,
            sampling=study.sampling.model_dump(mode="json") if self.sampling is None else self.sampling,
            prompt_ids=list(prompt_ids) if self.prompt_ids is None else self.prompt_ids,
            held_out_ids=list(held_out_ids) if self.held_out_ids is None else self.held_out_ids,
        )

    def differences(self, study: StudySettings, prompt_ids: Sequence[int]) -> list[str]:
        """What the study says otherwise now, in words."""
        now = Beginning(self.start_policy, self.reward_model).completed(study, prompt_ids)
        told = {"system_prompt": "the system prompt", "sampling": "how texts are drawn", "prompt_ids": "the prompts"}
        return [words for name, words in told.items() if getattr(self, name) not in (None, getattr(now, name))]

    def applied_to(self, study: StudySettings) -> StudySettings:
        """The study's settings as the run has them."""
        kept = {"system_prompt": self.system_prompt, "sampling": self.sampling}
        values = {**study.model_dump(), **{name: value for name, value in kept.items() if value is not None}}
        return StudySettings.model_validate(values)

    def write(self, folder: Path) -> None:
        """Into a run's folder, whole or not at all."""
        write_whole(folder / FILE, json.dumps(asdict(self)))


def read(folder: Path) -> Beginning | None:
    """What was written into a run's folder; None where it never got so far."""
    try:
        return Beginning(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
