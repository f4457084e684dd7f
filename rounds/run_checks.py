"""What speaks against settings of a run that are right in themselves: names that are not here, files that are not
whole, what the study or the run's start fixes already."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from feedback_store import policies, reward_models
from feedback_store import runs as run_rows
from feedback_store.database import Database
from language_models import plain_lora
from rounds import checksums, evaluating, models_beside, own_lora, policy_record
from rounds.policy_settings import training_of
from rounds.settings import SettingsError

ADAPTER_FILES = (
    plain_lora.CONFIG, plain_lora.WEIGHTS, policy_record.FILE, "tokenizer.json", "tokenizer_config.json",
    "chat_template.jinja", "special_tokens_map.json", "vocab.json", "merges.txt",
)  # fmt: skip
"""What is read of an adapter's folder."""


def refuse_other_lora(db: Database, asked: Mapping[str, Any], config: Mapping[str, Any]) -> None:
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


def refuse_missing_heads(db: Database, config: Mapping[str, Any], expected: Collection[str]) -> None:
    """Raises SettingsError for a combination of heads that the reward model is, or will have been, trained without. Of
    a run that is only expected nothing is known."""
    waiting = run_rows.active(db, "train-reward")
    known = reward_models.listing(db)
    row = next((one for one in reversed(known) if config["reward_model"] in (None, one.name)), None)
    if config["reward_model"] is None and waiting:
        last = max(waiting, key=lambda run: run.id)
        what, reward = f"run {last.id} (train-reward) trains it", last.config.get("reward") or {}
    elif row is None or (config["reward_model"] is None and "train-reward" in expected):
        return
    else:
        what, reward = f"{row.name} was trained", run_rows.get(db, row.run_id).config.get("reward") or {}
    if not (reward.get("ensemble") or {}).get("members"):
        raise SettingsError(
            f"reward_combination = {config['reward_combination']!r} is not allowed: {what} without further heads. "
            "Train one with reward.ensemble.members=5, or leave this at head."
        )


def refuse_other_temperature(own: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raises SettingsError for a temperature that is not the study's, which is used everywhere."""
    algorithm = config["algorithm"]
    asked, usual = (of["temperature"] for of in (config[algorithm]["sampling"], own[f"{algorithm}.sampling"]))
    if asked != usual:
        raise SettingsError(
            f"{algorithm}.sampling.temperature = {asked:g} is not allowed: a policy is trained at the temperature that "
            f"the study draws at, {usual:g}, so that log-probs and KL are of what people see. Leave it out."
        )


def require_input(kind: str, config: Mapping[str, Any]) -> None:
    """Raises SettingsError or NotPlainLora where the file or folder that a run reads is not there, or is no adapter."""
    if kind == "score" and not Path(config["file"]).is_file():
        raise SettingsError(f"file = {config['file']!r} is not allowed: there is no such file.")
    if kind == "policy-import":
        if not Path(config["folder"]).is_dir():
            raise SettingsError(f"folder = {config['folder']!r} is not allowed: there is no such folder.")
        plain_lora.read(Path(config["folder"]))
        _refuse_changed_files(Path(config["folder"]))


def _refuse_changed_files(folder: Path) -> None:
    """Raises SettingsError where the folder has checksums and what is read of it is not as it was written. Most
    adapters from elsewhere have none."""
    with suppress(FileNotFoundError):
        if changed := checksums.changed(folder, among=ADAPTER_FILES):
            raise SettingsError(
                f"folder = {str(folder)!r} is not allowed: by its {checksums.FILE}, {'; '.join(changed)}. Copy it "
                f"anew, or take {checksums.FILE} out where that was meant."
            )


def check_names(db: Database, config: Mapping[str, Any]) -> None:
    """Raises InvalidInput, CannotEvaluate, UnknownModelFolder or SettingsError where no such policy, classifier or
    reward model is here."""
    for name in [config.get("policy"), config.get("start_policy")]:
        if name is not None:
            evaluating.with_weights(policies.by_name(db, name))
    for side in [*config.get("policies", ()), *config.get("blind", {}).get("best_of", ())]:
        evaluating.writer(db, side)
    for part in config.get("rewards", ()):
        if part["function"] == "classifier":
            models_beside.folder_of(db, part["settings"]["name"])
    wanted = config.get("reward_model")
    known = [model.name for model in reward_models.listing(db)]
    if wanted is not None and wanted not in known:
        have = ", ".join(known) or "none yet; train one with train-reward"
        raise SettingsError(f"There is no reward model {wanted!r}. This study has: {have}.")
