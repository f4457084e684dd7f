"""What people are asked about a pair: a version of the study's setting, and what it needs of each answer.

A version is the id of the row of the study's settings. An answer names the version that the person saw, and has to hold
what that version requires, so that no page can leave out what the study asks for.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from feedback_store import criteria, study_settings
from feedback_store.criteria import Criterion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.questions import HandedOut, Question
from rounds.settings import AskedSettings, Part, StudySettings
from rounds.studies import SETTING

Beside = Literal["criteria", "rationale", "improve"]
BESIDE: tuple[Beside, ...] = get_args(Beside)


class Incomplete(ValueError):
    """An answer lacks what the study asks for, or says what it does not ask; the words name it."""


class AskedChanged(ValueError):
    """An answer was given under a version of what is asked that its pair was not handed out under."""


@dataclass(frozen=True)
class Asked:
    """One version: its id (None where a study's settings were never stored), the setting, the criteria in their order,
    and the study's seed.
    """

    id: int | None
    settings: AskedSettings
    criteria: list[Criterion]
    seed: int

    def needs(self, question: Question, annotator_id: int) -> dict[Beside, Part]:
        """What is off, optional or required beside the decision on one question of one person.

        A share makes some questions require what is optional on the others, by a seeded draw. An improved text is not
        asked for on held-out prompts: nothing that people write there may train.
        """
        found: dict[Beside, Part] = {}
        for name in BESIDE:
            part: Part = getattr(self.settings, name)
            if part == "required" and not self._drawn(name, question.comparison_id, annotator_id):
                part = "optional"
            found[name] = part
        if not self.criteria:
            found["criteria"] = "off"
        if question.split == "holdout":
            found["improve"] = "off"
        return found

    def _drawn(self, name: Beside, comparison_id: int, annotator_id: int) -> bool:
        share = float(getattr(self.settings, f"{name}_share"))
        return random.Random(f"{self.seed}/{name}/{comparison_id}/{annotator_id}").random() < share


def current(db: Database) -> Asked:
    """The version in force."""
    return _asked(db, study_settings.latest(db, SETTING))


def of_answer(db: Database, version: int | None, handed_out: HandedOut) -> Asked:
    """The version that an answer is held against: the one that it names, which is the one its pair was handed out under
    or a later one that the page was told of since; where it names none, the one its pair was handed out under, so that
    leaving it out asks for no less. Raises AskedChanged for any other.
    """
    first = handed_out.asked_id
    named = first if version is None else version
    change = study_settings.version(db, SETTING, named) if named is not None else None
    if named is not None and (change is None or named < (first or 0)):
        raise AskedChanged("What is asked has changed since this pair was shown: look at it again.")
    return _asked(db, change)


def require(asked: Asked, new: NewJudgment, needs: Mapping[Beside, Part], handed_out: HandedOut) -> None:
    """Raise Incomplete unless an answer holds what its version requires of it. A skip needs nothing else."""
    if new.skipped is not None:
        if any(value is not None for value in (new.criteria, new.rationale, new.improved, new.strength)):
            raise Incomplete("A pair that cannot be judged gets a reason and nothing else.")
        return
    if new.strength is not None and not asked.settings.strength:
        raise Incomplete("This study does not ask how much better a response is: leave `strength` out.")
    said: dict[Beside, Any] = {"criteria": new.criteria, "rationale": new.rationale, "improve": new.improved}
    for name, part in needs.items():
        if part == "off" and said[name] is not None:
            raise Incomplete(f"This question does not ask for {_WORDS[name]}: leave it out.")
    _require_criteria(asked, new, needs["criteria"], handed_out)
    if needs["rationale"] == "required" and not (new.rationale or "").strip():
        raise Incomplete("This question asks for a reason in your own words (`rationale`).")
    if needs["improve"] == "required" and new.improved is None:
        raise Incomplete("This question asks you to improve the better response (`improved`).")


_WORDS: dict[Beside, str] = {"criteria": "criteria", "rationale": "a rationale", "improve": "an improved response"}


def _require_criteria(asked: Asked, new: NewJudgment, part: Part, handed_out: HandedOut) -> None:
    said = new.criteria or {}
    known = {one.name for one in asked.criteria}
    if part == "required":
        # What was added after the pair was handed out may not have been seen.
        wanted = {one.name for one in asked.criteria if one.created_at <= handed_out.at}
        if missing := sorted(wanted - said.keys()):
            raise Incomplete(f"This question asks for every criterion; missing is {missing[0]!r}.")
    if unknown := sorted(said.keys() - known):
        raise Incomplete(f"There is no criterion {unknown[0]!r} in this study (any more): reload the page.")


def _asked(db: Database, change: study_settings.SettingChange | None) -> Asked:
    study = StudySettings.model_validate(change.value) if change else None
    return Asked(
        id=change.id if change else None,
        settings=study.asked if study else AskedSettings(),
        criteria=criteria.current(db),
        seed=study.seed if study else 0,
    )
