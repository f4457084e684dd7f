"""Words for people with a code, under which a page says the same in other languages (`reason.CODE`). Torch-free."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Said(BaseModel):
    """Words for people, with a code and numbers from which another language can make its own."""

    model_config = ConfigDict(frozen=True)

    code: str
    numbers: dict[str, Any] = Field(default_factory=dict)
    reason: str


def say(code: str, words: str, /, **numbers: Any) -> Said:
    """Words whose {places} are the numbers."""
    return Said(code=code, numbers=numbers, reason=words.format(**numbers) if numbers else words)


NO_PROMPTS = say("no_prompts", "There are no prompts yet. Import some: tastemaker import STUDY FILE --format prompts.")
NO_REWARD = say(
    "no_reward",
    "There is no reward model yet: train one first (train-reward). DPO and imitation need none: they learn straight "
    "from the judgments.",
)
