"""What numbers the study's base is held in: chosen once, by the first worker, and the same ever after, since features,
rewards and log-probabilities would change with it. Torch-free.
"""

from __future__ import annotations

from feedback_store import policies, study_settings
from feedback_store.database import Database
from language_models.precision import Capabilities, choose_precision
from language_models.settings import Precision
from rounds import studies

SETTING = "base_precision"  # beside the study's own settings, which keep what was asked for


def held_in(db: Database) -> Precision | None:
    """What was chosen; 32 bits for a base of a version before there was a choice; None before a worker loaded it."""
    kept: Precision | None = study_settings.get(db, SETTING)
    return kept or ("fp32" if policies.base(db) is not None else None)


def settle(db: Database, machine: Capabilities) -> Precision:
    """What the base is to be loaded in here, written down the first time. Raises CannotCompute where this machine
    cannot do what was chosen.
    """
    kept = held_in(db)
    chosen = choose_precision(machine, kept or studies.settings(db).precision)
    if kept is None:
        study_settings.put(db, SETTING, chosen, by="worker")
    return chosen
