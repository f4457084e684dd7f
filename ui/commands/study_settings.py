"""`settings`: what a study fixes for all its runs, shown and changed."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.commands.arguments import AsJson, Base, Precision, Study
from ui.commands.output import print_fields, print_json, say

BY = "tastemaker settings"


def settings(
    study: Study,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="One setting, as in sampling.max_new_tokens=128; may be repeated.", metavar="KEY=VALUE"
        ),
    ] = None,
    base: Base = None,
    precision: Precision = None,
    as_json: AsJson = False,
) -> None:
    """Show what the study fixes for all its runs, or change it.

    With --set the study is made where there is none, so that what is said here holds before its first prompt comes in.
    Changes are for what begins from then on: a run that goes on keeps what it began with.
    """
    from feedback_store.database import FILE_NAME
    from rounds import setting_fields, studies
    from rounds.setting_values import SettingsError, pairs
    from rounds.settings import StudySettings

    changes = pairs(values or [])
    for name in changes:
        if name.partition(".")[0] not in StudySettings.model_fields:
            valid = ", ".join(StudySettings.model_fields)
            raise SettingsError(f"{name!r} is not a setting of a study. Valid here: {valid}.")
    there = (study / FILE_NAME).is_file()
    made_with = {"base": base, "precision": precision, **changes}
    with studies.open_or_create(study, create=bool(changes), **made_with) as db:
        found = studies.change_and_note(db, changes, by=BY) if there and changes else {}
        now = studies.settings(db).model_dump(mode="json")
    if as_json:
        print_json({"settings": setting_fields.flat(now), "changed": found})
        return
    if not changes:
        print_fields(setting_fields.flat(now))
        return
    if not there:
        say(f"Made the study {study} with it.")
    elif not found:
        say("Nothing changed: the study says so already.")
    for name, (before, after) in found.items():
        print(f"{name}: {before} -> {after}")
