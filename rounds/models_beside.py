"""Models from elsewhere that lie in STUDY/models under a name, beside those that the study made itself."""

from __future__ import annotations

from pathlib import Path

from feedback_store import policies, reward_models
from feedback_store.database import Database


class UnknownModelFolder(ValueError):
    """A model was named that does not lie in the study's folder."""


def folder_of(db: Database, name: str) -> Path:
    """The folder of a model from elsewhere. Raises UnknownModelFolder with what there is."""
    models = db.folder / "models"
    own = {policy.folder for policy in policies.listing(db)} | {row.folder for row in reward_models.listing(db)}
    known = sorted(path.parent.name for path in models.glob("*/config.json") if f"models/{path.parent.name}" not in own)
    if name not in known:
        have = ", ".join(known) or "none; put a folder with config.json there"
        raise UnknownModelFolder(f"There is no model {name!r} in the study's folder models. There are: {have}.")
    return models / name
