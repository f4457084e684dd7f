"""How a study draws its texts, and that texts drawn otherwise are not taken for ones of now.

Temperature, length and system prompt may change while a study goes on, and texts are kept. A text that was drawn at
another temperature says nothing of the KL at this one, and is no fair companion of one that was drawn now. Torch-free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from feedback_store import canonical, study_settings
from feedback_store.completions import Completion
from feedback_store.database import Database
from language_models.seeds import completion_seed
from language_models.settings import SamplingSettings
from rounds.settings import StudySettings
from rounds.studies import SETTING

SAMPLED_BY = {"temperature", "max_new_tokens"}  # of sampling; how many are drawn together changes none of them
OTHERWISE = -2  # a sample index of no completion


def draw_seed(db: Database, study: StudySettings, seed: int) -> int:
    """The run seed of texts that are drawn once and then taken again: `seed`, and once the study draws otherwise than
    it began to, another one for each way to draw."""
    now = _way(study.model_dump())
    known = _ways(db)
    return seed if not known or now == known[0] else _seed_of(now, seed)


def draw_seeds(db: Database, seed: int) -> list[int]:
    """Those of every way in which the study drew so far, the newest first."""
    known = _ways(db)
    return list(dict.fromkeys(seed if way == known[0] else _seed_of(way, seed) for way in reversed(known)))


def drawn_as_now(db: Database, study: StudySettings) -> Callable[[Completion], bool]:
    """Tells of a stored text whether it was drawn as `study` draws: with the same settings, which it names (of one that
    names none they are not known), and while the study had the same system prompt."""
    now = study.sampling.model_dump(include=SAMPLED_BY)
    prompts = [(one.at, _way(one.value)["system_prompt"]) for one in study_settings.history(db, SETTING)]

    def is_alike(one: Completion) -> bool:
        had = next((said for at, said in reversed(prompts) if at <= one.created_at), study.system_prompt)
        return one.sampling in (None, now) and had == study.system_prompt

    return is_alike


def _seed_of(way: Mapping[str, Any], seed: int) -> int:
    digest = hashlib.sha256(canonical.dumps(dict(way)).encode()).digest()
    return completion_seed(seed, int.from_bytes(digest[:6], "big"), OTHERWISE)


def _ways(db: Database) -> list[dict[str, Any]]:
    """Each way that the study's history has, oldest first."""
    return [_way(one.value) for one in study_settings.history(db, SETTING)]


def _way(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Of settings as they are stored, also by an older version: what that did not have was as it is by default."""
    sampling = {**SamplingSettings().model_dump(), **stored.get("sampling", {})}
    prompt = stored.get("system_prompt", StudySettings.model_fields["system_prompt"].default)
    return {**{name: sampling[name] for name in SAMPLED_BY}, "system_prompt": prompt}
