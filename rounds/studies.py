"""A study: made where there is none, opened where there is one, and the settings it keeps."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from feedback_store import audit, prompts, study_settings
from feedback_store.database import FILE_NAME, Database
from feedback_store.errors import StudyNotFound
from language_models import sources
from language_models.folders import MANIFEST, write_folder
from rounds.demo import demo as demo_study
from rounds.setting_faults import validate
from rounds.setting_fields import differences
from rounds.setting_values import changed
from rounds.settings import SettingsError, StudySettings

SETTING = "study"
BASE_FOLDER = "models/base"
COPIED_AT_ONCE = 2**30  # bytes
NOT_KEPT = (MANIFEST, ".*", "*.bin", "*.pt", "*.pth", "*.gguf")
"""What of a model folder stays behind: the study's copy has its own manifest, and loads only safetensors."""
TINY_SETTINGS = {"sampling": {"max_new_tokens": 16}, "lora": {"rank": 4, "alpha": 8.0}}
"""A tiny random model says nothing in many tokens that it does not say in a few."""


class OtherBase(ValueError):
    """The study was made on another base model than the one asked for."""


def open_or_create(
    folder: Path | str,
    *,
    base: str | None = None,
    precision: str | None = None,
    create: bool = False,
    demo: bool = False,
    **fields: Any,
) -> Database:
    """The study in `folder`; with `create` it is made where there is none.

    `base` (a model source; the bundled model where nothing is said), `precision` (what it is held in) and `fields` (of
    StudySettings) count when the study is made; `demo` then imports the demo prompts. Raises StudyNotFound, OtherBase,
    UnknownModel, SettingsError.
    """
    folder = Path(folder)
    if precision is not None:
        fields["precision"] = precision
    if not (folder / FILE_NAME).is_file():
        if not create:
            at = repr(str(folder))
            raise StudyNotFound(f"There is no study in {at}. Make one with `tastemaker serve` or `simulate`.")
        chosen = _new_settings(base, demo, fields)
        db = Database.create(folder)
    else:
        db = Database.open(folder)
        if study_settings.get(db, SETTING) is not None:
            _refuse_other_base(db, base)
            _refuse_other_precision(db, precision)
            return db
        chosen = _new_settings(base, demo, fields)  # whoever made it was killed half-way
    with db.transaction():
        stored = chosen.model_copy(update={"base": _kept_base(folder, chosen.base)})
        study_settings.put(db, SETTING, stored.model_dump(mode="json"))
        if demo:
            chosen_prompts = demo_study.prompts(stored.seed, stored.holdout_share)
            prompts.add(db, chosen_prompts, holdout_share=stored.holdout_share, seed=stored.seed)
    return db


def settings(db: Database) -> StudySettings:
    """The study's settings as they are now. Raises SettingsError where the study has none."""
    stored = study_settings.get(db, SETTING)
    if stored is None:
        raise SettingsError(f"The study in {db.folder} was never finished. Finish it with `tastemaker serve`.")
    return validate(StudySettings, stored, what="study settings")


def change_settings(db: Database, *, by: str | None = None, **values: Any) -> StudySettings:
    """Store changed settings; the old ones stay in the history. The base cannot be changed (OtherBase).

    Values may be whole parts, a few values of a part ({"asked": {"mode": "confirm"}}), or have dotted names.
    """
    old = settings(db)
    if "base" in values:
        raise OtherBase(f"The study's base is {old.base}; it is chosen when the study is made and cannot be changed.")
    if "precision" in values:
        raise OtherBase(
            f"The study's precision is {old.precision}; it is chosen when the study is made and cannot be changed: "
            "what was learned belongs to the base as it is held."
        )
    new = validate(StudySettings, changed(old.model_dump(mode="json"), values), what="study settings")
    if new != old:
        study_settings.put(db, SETTING, new.model_dump(mode="json"), by)
    return new


def change_and_note(db: Database, values: Mapping[str, Any], *, by: str) -> dict[str, list[Any]]:
    """Changes settings, by names that may be dotted, and writes into the audit trail who did; gives what differs, each
    name with what it was and is. Raises what `change_settings` does."""
    with db.transaction():
        before = study_settings.latest(db, SETTING)
        change_settings(db, by=by, **values)
        after = study_settings.latest(db, SETTING)
        if before is None or after is None or before.id == after.id:
            return {}
        found = differences(before.value, after.value)
        audit.note(db, actor=by, action="change settings", subject=f"setting {after.id}", detail={"changes": found})
    return found


def _new_settings(base: str | None, demo: bool, fields: dict[str, Any]) -> StudySettings:
    source = sources.parse(base or sources.default_source())
    if source.kind == "folder":
        sources.require_whole(Path(source.name))
    values: dict[str, Any] = {"base": str(source)}
    if source.kind == "tiny":
        values.update(TINY_SETTINGS)
    if demo:
        values["holdout_share"] = demo_study.HOLDOUT_SHARE
    return validate(StudySettings, changed(values, fields), what="study settings")


def pin_base(db: Database, base: str, commit: str | None) -> str:
    """Once a base of the hub was loaded, the study's base is that commit, kept from then on: what the hub calls by that
    name tomorrow may be other weights, and every worker would refuse them. A base without a commit is what it was.
    """
    if commit is None or (source := sources.parse(base)).revision == commit:
        return base
    pinned = str(replace(source, revision=commit))
    with db.transaction():
        stored = settings(db).model_copy(update={"base": pinned})
        study_settings.put(db, SETTING, stored.model_dump(mode="json"), by="worker")
    return pinned


def _kept_base(study: Path, base: str) -> str:
    """What the study stores of a base: a folder becomes its own copy, so that it can move, and that nobody changes it
    who changes the folder.
    """
    source = sources.parse(base)
    if source.kind != "folder":
        return base
    if not (study / BASE_FOLDER).exists():
        with write_folder(study / BASE_FOLDER) as temporary:
            ignored = shutil.ignore_patterns(*NOT_KEPT)
            shutil.copytree(source.name, temporary, copy_function=_copied, dirs_exist_ok=True, ignore=ignored)
    return BASE_FOLDER


def _copied(from_path: str, to_path: str) -> None:
    """A copy that shares its blocks with the file where the file system can (copy_file_range), until one is changed."""
    try:
        with open(from_path, "rb") as source, open(to_path, "wb") as to:
            while os.copy_file_range(source.fileno(), to.fileno(), COPIED_AT_ONCE):
                pass
    except (AttributeError, OSError):  # this system has no such call, or not for these two places
        shutil.copy2(from_path, to_path)


def _refuse_other_base(db: Database, base: str | None) -> None:
    if base is None:
        return
    own, asked = settings(db).base, sources.parse(base)
    if asked.kind == "folder":
        same = own == BASE_FOLDER and _same_files(Path(asked.name), db.folder / BASE_FOLDER)
    else:
        first = study_settings.history(db, SETTING)[0].value["base"]  # a name of the hub was pinned since
        same = str(asked) in (own, first)
    if not same:
        raise OtherBase(
            f"The study in {db.folder} was made on the base {own}, not on {asked}. "
            "Leave out --base, or make another study."
        )


def _refuse_other_precision(db: Database, precision: str | None) -> None:
    own = settings(db).precision
    if precision not in (None, own):
        raise OtherBase(
            f"The study in {db.folder} was made with --precision {own}, not {precision}. Leave it out, or make another "
            "study."
        )


def _same_files(asked: Path, kept: Path) -> bool:
    names = [str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file() and path.name != MANIFEST]
    equal, _, _ = filecmp.cmpfiles(asked, kept, names, shallow=False)
    return len(equal) == len(names)
