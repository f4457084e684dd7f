"""How a study draws its texts, and that texts drawn otherwise are not taken for ones of now.

Temperature, length and system prompt may change while a study goes on, and texts are kept. A text that was drawn at
another temperature says nothing of the KL at this one, and is no fair companion of one that was drawn now. Torch-free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from feedback_store import canonical, study_settings
from feedback_store.completions import Completion
from feedback_store.database import Database
from language_models.seeds import completion_seed
from rounds.settings import StudySettings
from rounds.studies import SETTING

WAY = {"temperature", "max_new_tokens"}  # of sampling; how many are drawn together changes none of them
OTHERWISE = -2  # a sample index of no completion


def draw_seed(db: Database, study: StudySettings, seed: int) -> int:
    """The run seed of texts that are drawn once and then taken again: `seed`, and once the study draws otherwise than
    it began to, another one for each way to draw."""
    now = _way(study)
    if now == _way(_first(db, study)):
        return seed
    digest = hashlib.sha256(canonical.dumps(now).encode()).digest()
    return completion_seed(seed, int.from_bytes(digest[:6], "big"), OTHERWISE)


def draw_seeds(db: Database, seed: int) -> list[int]:
    """Those of every way in which the study drew so far, the newest first."""
    ways = [StudySettings.model_validate(one.value) for one in study_settings.history(db, SETTING)]
    return list(dict.fromkeys(draw_seed(db, one, seed) for one in reversed(ways)))


def drawn_as_now(db: Database, study: StudySettings) -> Callable[[Completion], bool]:
    """Tells of a stored text whether it was drawn as `study` draws: with the same settings, which it names (of one that
    names none they are not known), and while the study had the same system prompt."""
    now = study.sampling.model_dump(include=WAY)
    prompts = [(one.at, one.value.get("system_prompt")) for one in study_settings.history(db, SETTING)]

    def is_alike(one: Completion) -> bool:
        had = next((said for at, said in reversed(prompts) if at <= one.created_at), study.system_prompt)
        return one.sampling in (None, now) and had == study.system_prompt

    return is_alike


def _first(db: Database, study: StudySettings) -> StudySettings:
    known = study_settings.history(db, SETTING)
    return StudySettings.model_validate(known[0].value) if known else study


def _way(study: StudySettings) -> dict[str, Any]:
    return {**study.sampling.model_dump(include=WAY), "system_prompt": study.system_prompt}
