"""Features of a study's completions as they are kept: which set is read, and how it is read. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable

from feedback_store import features, policies
from feedback_store.database import Database
from feedback_store.features import Vector
from reward_training.feature_names import features_name, text_key
from reward_training.records import Text
from reward_training.settings import RewardSettings


def set_name(db: Database, settings: RewardSettings | None = None) -> str | None:
    """The set of features under these settings (default ones where none are given); None before a study has a base."""
    base = policies.base(db)
    if base is None:
        return None
    shas = (base.base_sha256 or "", base.tokenizer_sha256 or "", base.template_sha256 or "")
    return features_name(*shas, settings or RewardSettings())


def key_of(text: Text) -> str:
    """The name of a text by its content."""
    return text_key(text.prompt, text.completion, text.finished)


def read(db: Database, name: str, keys: Iterable[str]) -> dict[str, Vector]:
    """What is kept of these texts."""
    return features.get(db, name, keys)
