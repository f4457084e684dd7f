"""What an exported policy says of itself to programs (tastemaker.json): its base by sha256, how it is sampled, and what
it was made from. PEFT's own config has room for a base's name and revision, and for nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from feedback_store import dataset_card, prompts, provenance, reward_models, runs
from feedback_store.database import Database
from feedback_store.policies import Policy
from feedback_store.runs import Run
from language_models.folders import file_sha256
from language_models.settings import Precision
from language_models.sources import weight_files
from rounds import beginnings
from rounds.base_names import hub_id, origin_of
from rounds.policy_settings import training_of
from rounds.resuming import run_folder
from rounds.settings import StudySettings

FILE = "tastemaker.json"
TEMPLATE = "chat_template.jinja"  # as `save_pretrained` calls it
Template = Literal["base", "settled", "lines", "none"]
"""The base's own, or that as it was settled (`settled_templates`); where it has none, one that writes contents on lines
of their own, or none that would do so."""


def weights_sha256(folder: Path) -> dict[str, str]:
    """sha256 of each file that a model's weights are loaded from, as `sha256sum` and the hub tell it."""
    return {path.name: file_sha256(path) for path in weight_files(folder)}


def are_the_weights(recorded: object, found: Mapping[str, str]) -> bool:
    """Whether a record's files are those, by sha256; before 0.2.0 one also named files that nothing loads."""
    return isinstance(recorded, dict) and bool(found) and found.items() <= recorded.items()


def read(folder: Path) -> dict[str, Any] | None:
    """The record of a folder; None where it has none that can be read."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("base"), dict) else None


def base_of(
    base: Path,
    source: str,
    *,
    tokenizer_sha256: str,
    template_sha256: str,
    revision: str | None,
    held_in: Precision | None,
) -> dict[str, Any]:
    """Which base lies in the folder `base`: its name where it has one elsewhere, the sha256 of weights, tokenizer and
    template, and the numbers that the study holds it in.
    """
    return {
        "hub_id": hub_id(source),
        "revision": revision,
        "is": origin_of(source),
        "weights_sha256": weights_sha256(base),
        "tokenizer_sha256": tokenizer_sha256,
        "template_sha256": template_sha256,
        "held_in": held_in,
    }


def made_from(db: Database, policy: Policy) -> dict[str, Any]:
    """Parents, reward models, rewards, settings, and the judgments that were seen: counts, sources, one hash of each
    snapshot.
    """
    run = runs.get(db, policy.run_id) if policy.run_id is not None else None
    result: Mapping[str, Any] = (run.result or {}) if run else {}
    origin = provenance.origin(db, policy.name)
    named = {row.name: row for row in reward_models.listing(db)}
    facts = dataset_card.facts_of(db, provenance.judges_of(db, origin.judgments))
    return {
        "policy": policy.name,
        "made_at": policy.created_at,
        "manifest_sha256": policy.manifest_sha256,
        "run": policy.run_id,
        "algorithm": result.get("algorithm"),
        "parents": [name for name in origin.policies if name != policy.name],
        "imported": policy.imported,
        "reward_models": {
            name: {"manifest_sha256": named[name].manifest_sha256, **_snapshot(db, named[name].run_id)}
            for name in origin.reward_models
        },
        "rewards": result.get("rewards"),
        "seen_in_training": _snapshot(db, policy.run_id) if policy.run_id is not None else None,
        "settings": run.config if run else None,
        "judgments": len(origin.judgments),
        "judges": facts.people,
        "consent": facts.consent,
        "prompts": _prompts(db, policy, run),
        "imported_files": facts.imports,
    }


def sampling_of(
    study: StudySettings,
    run: Run | None,
    card: Mapping[str, Any],
    stop_ids: Sequence[int],
    *,
    takes_system: bool,
    template: Template,
) -> dict[str, Any]:
    """How the policy was sampled while it was trained, by its published folder's card and its run's settings: anything
    else is another policy. One that came from elsewhere is sampled as the study says."""
    most = study.sampling.max_new_tokens
    if run is not None and run.kind == "train-policy":
        most = training_of(run.config)["sampling"]["max_new_tokens"]
    return {
        "system_prompt": card.get("system_prompt", study.system_prompt),
        "temperature": card.get("temperature", study.sampling.temperature),
        "max_new_tokens": most,
        "stop_ids": list(stop_ids),
        "system_prompt_is_a_turn": takes_system,
        "chat_template": template,
    }


def _prompts(db: Database, policy: Policy, run: Run | None) -> dict[str, int]:
    """How many prompts it was trained on, by what its run wrote down when it began, and how many are held out."""
    began = beginnings.read(run_folder(db.folder, run.id)) if run else None
    trained_on = prompts.count(db, "train") if began is None or began.prompt_ids is None else len(began.prompt_ids)
    return {"train": 0 if policy.imported else trained_on, "holdout": prompts.count(db, "holdout")}


def _snapshot(db: Database, run_id: int) -> dict[str, Any]:
    """The judgments that a run saw: its number, how many, and the sha256 of their ids."""
    ids = list(runs.judgments_of(db, run_id))
    return {
        "snapshot": run_id,
        "judgments": len(ids),
        "judgments_sha256": hashlib.sha256(json.dumps(ids).encode()).hexdigest(),
    }
