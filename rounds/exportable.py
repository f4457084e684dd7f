"""Which policies and reward models can be exported, and in which form: asked before a run is queued, and again when it
begins. Torch-free.
"""

from __future__ import annotations

from feedback_store import policies
from feedback_store.database import Database
from feedback_store.policies import Policy
from rounds import base_precision, studies
from rounds.base_names import require_elsewhere


class NothingToExport(ValueError):
    """A policy that has no weights of its own."""


class CannotMerge(ValueError):
    """A policy whose merged weights would be another policy."""


class CannotWriteOut(ValueError):
    """A reward model whose layers cannot be written out again."""


def require_exportable_rewards(db: Database) -> None:
    """Raises CannotWriteOut where no reward model of the study can be exported."""
    if base_precision.held_in(db) == "4bit":
        raise CannotWriteOut(
            "Reward models of this study cannot be exported: their lower layers are the base's, which is held in 4 "
            "bits and cannot be written out again. Score texts here (`tastemaker score STUDY FILE`), or begin a study "
            "with --precision bf16 or fp32."
        )


def exportable(db: Database, name: str | None, form: str) -> Policy:
    """The policy of that name, or the current one. Raises InvalidInput where there is none of that name,
    NothingToExport, NotElsewhere for an adapter alone that would mean nothing elsewhere, and CannotMerge.
    """
    policy = policies.by_name(db, name) if name else policies.current(db)
    if policy is None or policy.folder is None:
        have = ", ".join(one.name for one in policies.listing(db) if one.folder) or "none yet"
        raise NothingToExport(
            f"{policy.name if policy else 'The study'} has no weights of its own: only policies that were trained, or "
            f"imported as an adapter, are exported. This study has: {have}."
        )
    if form == "adapter":
        require_elsewhere(studies.settings(db).base, policy.name)
    if form == "merged" and base_precision.held_in(db) == "4bit":
        raise CannotMerge(
            f"{policy.name} was trained on a base that is held in 4 bits; merged into the base as it lies on the disk "
            "it would be another policy. Export it with the base (--with-base), to be loaded in 4 bits elsewhere too."
        )
    return policy
