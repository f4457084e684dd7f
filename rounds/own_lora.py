"""Rank and alpha of a policy's adapter: a run that starts from it keeps them, whatever its settings say. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feedback_store import policies
from feedback_store.database import Database
from feedback_store.policies import Policy
from language_models import plain_lora
from language_models.plain_lora import NotPlainLora

ADAPTER = "adapter"  # the part of a policy's folder that PEFT reads; the value head lies beside it

Lora = dict[str, float]
"""Values by the names of their settings."""


def lora_of(folder: Path) -> Lora | None:
    """What a policy's folder has; None where it holds no adapter that can be read."""
    try:
        found = plain_lora.read(folder / ADAPTER)
    except NotPlainLora:
        return None
    return {"rank": found.rank, "alpha": found.alpha}


def of_policy(study: Path, policy: Policy) -> Lora | None:
    """What a policy has; None of a base, to which a run adds an adapter of its own."""
    return lora_of(study / policy.folder) if policy.folder is not None else None


def starts_from(db: Database, config: Mapping[str, Any]) -> Policy | None:
    """The policy that a run with these settings would start from now; None before there is any."""
    name = config.get("start_policy")
    return policies.by_name(db, name) if name else policies.current(db)


def otherwise(own: Lora | None, asked: Mapping[str, Any]) -> bool:
    """Whether an adapter has another rank or alpha than settings ask."""
    return own is not None and any(asked[name] != value for name, value in own.items())
