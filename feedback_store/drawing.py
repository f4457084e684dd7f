"""What chance decides when a question is handed out, drawn from seeds so that it can be drawn again."""

import random
from dataclasses import dataclass, field
from typing import Literal

from feedback_store.qualifying import Qualifying

Slot = Literal["check", "repeat", "ordinary"]


@dataclass(frozen=True)
class Asking:
    """How people are asked. The values of a study come from its settings; these ask everybody everything, once.

    Shares are of all questions of a person. A repeat comes after at least `repeat_after` own answers in between.
    `daily_quota`: answers a person and UTC day, where the person has no quota of their own; `prompt_quota`: comparisons
    of one prompt a person; None: no limit. `paused`, `closed`: nobody is asked, for now or any more. `asked_id`: the
    setting of what is asked that people see. `qualifying`: check questions before live work. `refill`: pairs are
    written by themselves where few are left.
    """

    check_share: float = 0.0
    repeat_share: float = 0.0
    repeat_after: int = 10
    daily_quota: int | None = None
    prompt_quota: int | None = None
    lease_seconds: float = 600.0
    seed: int = 0
    paused: bool = False
    closed: bool = False
    asked_id: int | None = None
    qualifying: Qualifying = field(default_factory=Qualifying)
    refill: bool = True


def slot(asking: Asking, annotator_id: int, place: int) -> Slot:
    """Draw what a person's question is, from the seed, the person and `place`: the own answers before it."""
    number = random.Random(f"{asking.seed}/{annotator_id}/question {place}").random()
    if number < asking.check_share:
        return "check"
    return "repeat" if number < asking.check_share + asking.repeat_share else "ordinary"


def sides(seed: int, comparison_id: int, annotator_id: int, candidates: int) -> list[int]:
    """Draw the order in which a person sees the candidates of a comparison."""
    order = list(range(candidates))
    random.Random(f"{seed}/{comparison_id}/{annotator_id}").shuffle(order)
    return order
