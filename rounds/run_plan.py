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

from feedback_store import policies, reward_models
from feedback_store import runs as run_rows
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput
from language_models import plain_lora
from language_models.plain_lora import NotPlainLora
from rounds import estimating, evaluating, own_lora, presets, resuming, setting_fields, studies
from rounds.base_names import NotElsewhere
from rounds.evaluating import CannotEvaluate
from rounds.exportable import CannotMerge, NothingToExport, exportable
from rounds.missing import missing_for
from rounds.policy_settings import ALGORITHMS, not_chosen, training_of
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
    InvalidInput, Conflict,
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
    asked = parse(kind, given, config_file, defaults=own)
    config = parse(kind, given, config_file, defaults={**own, **_preset(db, kind, preset, asked)})
    by_hand = setting_fields.flat({**read_toml(config_file), **given})
    _refuse_idle(by_hand, config)
    if kind == "train-policy":
        _refuse_other_temperature(own, config)
    _check_names(db, config)
    if kind == "train-policy" and config["resume_from"] is not None:
        config = resuming.require_same_work(db, config)
    elif kind == "train-policy":
        _refuse_other_lora(db, by_hand, config)
    missing = missing_for(db, kind, config, expected)
    if missing is not None:
        raise Impossible(missing)
    if kind == "train-policy" and config["reward_combination"] != "head":
        _refuse_missing_heads(db, config, expected)
    if kind == "policy-export":
        exportable(db, config["policy"], config["format"])
    if kind == "policy-import" and config["name"] is not None:
        policies.require_free(db, imported_name(config["name"]))
    _require_input(kind, config)
    return config


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
    return setting_fields.faults_of(model, base, pairs(overrides))


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


def _refuse_idle(asked: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raises SettingsError for a setting of an algorithm that is not the chosen one: it would change nothing."""
    for name in asked:
        if (group := name.partition(".")[0]) in not_chosen(config):
            raise SettingsError(
                f"{name} counts only with algorithm={group}; this run's is {config['algorithm']}. Set "
                f"algorithm={group} as well, or write {config['algorithm']}.{name.partition('.')[2]}."
            )


def _refuse_other_lora(db: Database, asked: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raises SettingsError for a rank or alpha that the adapter does not have which the run goes on training."""
    start = own_lora.starts_from(db, config)
    own = own_lora.of_policy(db.folder, start) if start else None
    wanted = training_of(config)["lora"]
    for name, value in (own or {}).items():
        setting = f"{config['algorithm']}.lora.{name}"
        if start and setting in asked and wanted[name] != value:
            raise SettingsError(
                f"{setting} = {wanted[name]:g} is not allowed: {start.name}, which this run starts from, has an "
                f"adapter whose {name} is {value:g}, and training does not change that. Leave it out, or start from "
                "the base (start_policy)."
            )


def _refuse_missing_heads(db: Database, config: Mapping[str, Any], expected: Collection[str]) -> None:
    """Raises SettingsError for a combination of heads that the reward model was trained without. Of one that is still
    to be trained nothing is known."""
    coming = {*expected, *(run.kind for run in run_rows.active(db))}
    if config["reward_model"] is None and "train-reward" in coming:
        return
    known = reward_models.listing(db)
    row = next((one for one in reversed(known) if config["reward_model"] in (None, one.name)), None)
    reward = (run_rows.get(db, row.run_id).config.get("reward") or {}) if row else {}
    if row and not (reward.get("ensemble") or {}).get("members"):
        raise SettingsError(
            f"reward_combination = {config['reward_combination']!r} is not allowed: {row.name} was trained without "
            "further heads. Train it again with reward.ensemble.members=5, or leave this at head."
        )


def _refuse_other_temperature(own: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raises SettingsError for a temperature that is not the study's, which is used everywhere."""
    algorithm = config["algorithm"]
    asked, usual = (of["temperature"] for of in (config[algorithm]["sampling"], own[f"{algorithm}.sampling"]))
    if asked != usual:
        raise SettingsError(
            f"{algorithm}.sampling.temperature = {asked:g} is not allowed: a policy is trained at the temperature that "
            f"the study draws at, {usual:g}, so that log-probs and KL are of what people see. Leave it out."
        )


def _require_input(kind: str, config: Mapping[str, Any]) -> None:
    """Raises SettingsError or NotPlainLora where the file or folder that a run reads is not there, or is no adapter."""
    if kind == "score" and not Path(config["file"]).is_file():
        raise SettingsError(f"file = {config['file']!r} is not allowed: there is no such file.")
    if kind == "policy-import":
        if not Path(config["folder"]).is_dir():
            raise SettingsError(f"folder = {config['folder']!r} is not allowed: there is no such folder.")
        plain_lora.read(Path(config["folder"]))


def _check_names(db: Database, config: Mapping[str, Any]) -> None:
    """Raises InvalidInput, CannotEvaluate or SettingsError where no such policy or reward model is here."""
    for name in [config.get("policy"), config.get("start_policy")]:
        if name is not None:
            evaluating.with_weights(policies.by_name(db, name))
    for side in [*config.get("policies", ()), *config.get("blind", {}).get("best_of", ())]:
        evaluating.writer(db, side)
    wanted = config.get("reward_model")
    known = [model.name for model in reward_models.listing(db)]
    if wanted is not None and wanted not in known:
        have = ", ".join(known) or "none yet; train one with train-reward"
        raise SettingsError(f"There is no reward model {wanted!r}. This study has: {have}.")
