"""A run before it starts: its settings resolved, the exact command and file for it, what speaks against it.

`resolve` is the one way from what somebody asked for to the settings that are stored; a dry run is the same without
the row.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback_store import policies
from feedback_store import runs as run_rows
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput
from language_models.plain_lora import NotPlainLora
from rounds import estimating, evaluating, idle_settings, presets, resuming, run_checks, setting_fields, studies
from rounds.base_names import NotElsewhere
from rounds.evaluating import CannotEvaluate
from rounds.exportable import (
    CannotMerge,
    CannotWriteOut,
    NothingToExport,
    exportable,
    require_exportable_rewards,
)
from rounds.missing import missing_for
from rounds.models_beside import UnknownModelFolder
from rounds.policy_settings import ALGORITHMS, not_chosen
from rounds.resuming import CannotResume
from rounds.said import Said
from rounds.setting_fields import Fault
from rounds.setting_values import pairs, read_toml
from rounds.settings import SettingsError, StudySettings, parse, parse_all, settings_model
from rounds.toml_text import toml_of

SEEDS_OF_A_STUDY = 1000
STUDY = "STUDY"  # in a command for people: the study's folder, whose place on the machine is nobody's business


class Impossible(ValueError):
    """A run was asked for that has nothing to work on; what is `said` tells what is missing."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.reason)
        self.said = said


REFUSALS = (
    SettingsError, Impossible, CannotEvaluate, CannotResume, NothingToExport, NotElsewhere, CannotMerge, NotPlainLora,
    CannotWriteOut, UnknownModelFolder, InvalidInput, Conflict,
)  # fmt: skip
"""What `resolve` raises."""


@dataclass(frozen=True)
class Plan:
    """A run as it would be. `changed`: what differs from the study's own settings, by dotted names; `toml`: the same
    as a file.
    """

    kind: str
    settings: dict[str, Any]
    changed: dict[str, Any]
    command: str
    toml: str


def resolve(
    db: Database,
    kind: str,
    overrides: Mapping[str, Any] | Iterable[str] = (),
    config_file: Path | str | None = None,
    *,
    preset: str | None = None,
    expected: Collection[str] = (),
) -> dict[str, Any]:
    """The complete settings of a run; later wins: the study's own, the preset, the file, `overrides`.

    `expected`: kinds of runs that will have ended before it begins. Raises one of REFUSALS.
    """
    own, given = _defaults(db, kind), pairs(overrides)
    by_hand = setting_fields.flat({**read_toml(config_file), **given})
    if preset is not None:  # what is asked for is checked with it in: its values may be what makes that possible
        own = {**own, **_preset(db, kind, preset, {**parse(kind, defaults=own), **by_hand})}
    config = parse(kind, given, config_file, defaults=own)
    idle_settings.require_none(kind, by_hand, config)
    if kind == "train-policy":
        run_checks.refuse_other_temperature(own, config)
    run_checks.check_names(db, config)
    if kind == "train-policy" and config["resume_from"] is not None:
        config = resuming.require_same_work(db, config)
    elif kind == "train-policy":
        run_checks.refuse_other_lora(db, by_hand, config)
    missing = missing_for(db, kind, config, expected)
    if missing is not None:
        raise Impossible(missing)
    if kind == "train-policy" and config["reward_combination"] != "head":
        run_checks.refuse_missing_heads(db, config, expected)
    if kind == "evaluate" and (config["policies"] or not _is_coming(db, "train-policy", expected)):
        evaluating.require_sides(db, config)
    if kind == "policy-export":
        exportable(db, config["policy"], config["format"])
    if kind == "reward-export":
        require_exportable_rewards(db)
    if kind == "policy-import" and config["name"] is not None:
        policies.require_free(db, imported_name(config["name"]))
    run_checks.require_input(kind, config)
    return config


def _is_coming(db: Database, kind: str, expected: Collection[str]) -> bool:
    """Whether a run of the kind waits or runs, or is to have ended before."""
    return kind in expected or bool(run_rows.active(db, kind))


def imported_name(name: str) -> str:
    """What a policy is called whose adapter was made elsewhere; with its hyphen it is no name of a layer."""
    return f"{policies.IMPORTED}-{name}"


def plan(db: Database, kind: str, config: Mapping[str, Any]) -> Plan:
    """How a run with these settings is started by hand; what an older version did not have gets its default."""
    config = parse(kind, config)
    own: dict[str, Any] = {}
    if kind not in ("score", "policy-import"):
        every = parse_all(kind, defaults=_defaults(db, kind))
        own = {name: value for name, value in every.items() if name not in not_chosen(config)}
    changed = {name: after for name, (_, after) in setting_fields.differences(own, config).items()}
    return Plan(kind, dict(config), changed, command(kind, changed), toml_of(nested(changed)))


def command(kind: str, changed: Mapping[str, Any], study: str = STUDY) -> str:
    """`tastemaker run STUDY KIND --set KEY=VALUE ...`, quoted for a shell."""
    words = ["tastemaker", "run", study, kind]
    for name, value in changed.items():
        words += ["--set", f"{name}={setting_fields.as_typed(value)}"]
    return shlex.join(words)


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted names as parts within parts."""
    made: dict[str, Any] = {}
    for name, value in settings.items():
        *lead, last = name.split(".")
        inner = made
        for part in lead:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return made


def faults(db: Database, kind: str, overrides: Mapping[str, Any], preset: str | None = None) -> dict[str, Fault]:
    """What is wrong with values, by the dotted name of the setting; empty where nothing is."""
    model = settings_model(kind)
    known = {field.name for field in setting_fields.fields_of(model, kind)}
    unknown = {name: Fault(f"{name!r} is not a setting of {kind}.") for name in overrides if name not in known}
    if unknown:
        return unknown
    own = _defaults(db, kind)
    asked = {**parse(kind, defaults=own), **pairs(overrides)}
    base = parse(kind, defaults={**own, **_preset(db, kind, preset, asked)})
    wrong = setting_fields.faults_of(model, base, pairs(overrides))
    return wrong or idle_settings.faults(kind, overrides, parse(kind, overrides, defaults=base))


def own_settings(db: Database, kind: str) -> dict[str, Any]:
    """What a run gets where nothing is asked for, by dotted names."""
    return setting_fields.flat(parse_all(kind, defaults=_defaults(db, kind)))


def _defaults(db: Database, kind: str) -> dict[str, Any]:
    """What the study says for a kind of run. Seeds differ between the runs of a study, and for its first thousand runs
    from those of a study with another seed."""
    study: StudySettings = studies.settings(db)
    latest = run_rows.listing(db, limit=1)
    seed = study.seed * SEEDS_OF_A_STUDY + (latest[0].id + 1 if latest else 1)
    if kind == "sample":
        names = ("holdout_questions", "previous_policy_share", "choosing", "choose_from", "overlap", "overlap_share")
        asked = {"candidates": study.asked.candidates}
        return {**{name: getattr(study, name) for name in names}, **asked, "seed": seed}
    if kind == "train-reward":
        return {"reward.seed": seed}
    if kind == "train-policy":
        own = {"seed": seed, "sampling": study.sampling.model_dump(), "lora": study.lora.model_dump()}
        return {f"{algorithm}.{name}": value for algorithm in ALGORITHMS for name, value in own.items()}
    return {}  # evaluations share one seed, so that a policy evaluated before is not sampled again


def _preset(db: Database, kind: str, preset: str | None, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a preset, for the algorithm that is asked for alone."""
    if preset is None:
        return {}
    found, others = presets.settings_of(kind, preset, estimating.facts(db)), not_chosen(asked)
    return {name: value for name, value in found.items() if name.split(".")[0] not in others}
