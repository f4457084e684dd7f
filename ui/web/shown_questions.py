"""Questions and what belongs to them as the browser gets them: nothing tells who wrote a text, which question is a
check or a repeat, or which prompt is held out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from feedback_store import annotators, comparisons, guidelines, judgments, runs
from feedback_store import rounds as round_rows
from feedback_store.database import Database
from feedback_store.judgments import Judgment
from feedback_store.questions import Question
from feedback_store.versioned_texts import VersionedText
from rounds import studies
from rounds.asked import Asked, Beside
from rounds.settings import Part
from ui.web import markdown

Key = Annotated[str, Field(min_length=8, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
PublicId = Annotated[str, Field(min_length=1, max_length=100)]
LanguageCode = Annotated[str, Query(min_length=2, max_length=20, pattern=r"^[A-Za-z-]+$")]
LONGEST_EXCERPT = 200


class Body(BaseModel):
    """What is sent holds the fields named and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


def question(shown: Question, needs: Mapping[Beside, Part], *, training: bool) -> dict[str, Any]:
    """One question: the texts in order as shown."""
    return {
        "comparison": shown.comparison_public_id,
        "prompt": [_turn(turn) for turn in shown.prompt],
        "completions": [
            {"text": each.text, "html": markdown.rendered(each.text), "cut_off": each.cut_off}
            for each in shown.completions
        ],
        "shown": list(shown.shown),
        "expires_at": shown.lease_expires_at,
        "needs": dict(needs),
        "training": training,
    }


def asked(version: Asked) -> dict[str, Any]:
    """What is asked about every question."""
    own = version.settings
    return {
        "id": version.id,
        "question": own.question,
        "candidates": own.candidates,
        "strength": own.strength,
        "mode": own.mode,
        "view": own.view,
        "criteria": [{"name": one.name, "question": one.question} for one in version.criteria],
    }


def progress(db: Database, annotator_id: int) -> dict[str, Any]:
    """How far the person and the round are."""
    counts = comparisons.counts(db, round_rows.current(db).id)
    person = annotators.get(db, annotator_id)
    quota = studies.settings(db).daily_quota if person.daily_quota is None else person.daily_quota
    return {
        "today": judgments.of_person_today(db, annotator_id),
        "judged": counts.judged,
        "ready": counts.ready,
        "leased": counts.leased,
        "quota": quota,
        "per_hour": judgments.pace_of(db, annotator_id),
    }


def seconds_left(db: Database) -> float | None:
    """How long it takes until the pairs that are being made are all there; None where that is not known yet."""
    writing = [run for run in runs.active(db, "sample") if run.status == "running"]
    left = writing[0].progress.get("seconds_left") if writing else None
    return float(left) if left is not None else None


def given_answer(answer: Judgment) -> dict[str, Any]:
    """What somebody said, ranks in the candidates' own order."""
    return {
        "ranks": answer.ranks,
        "strength": answer.strength,
        "both_bad": answer.both_bad,
        "skipped": answer.skipped,
        "criteria": answer.criteria,
        "rationale": answer.rationale,
        "improved": answer.improved,
    }


def excerpt(shown: Question) -> str:
    """The beginning of a prompt's last turn, to know it by."""
    said = str(shown.prompt[-1]["content"]) if shown.prompt else ""
    return said if len(said) <= LONGEST_EXCERPT else said[:LONGEST_EXCERPT] + "…"


def text(version: VersionedText | None) -> dict[str, Any] | None:
    """A version of a text of the study, as it was written and rendered."""
    if version is None:
        return None
    return {
        "id": version.id,
        "version": version.version,
        "language": version.language,
        "at": version.created_at,
        "text": version.text,
        "html": markdown.rendered(version.text),
    }


def guideline_in_force(db: Database, language: str) -> dict[str, int] | None:
    """The guideline that a reader of a language has, by its id and version."""
    found = guidelines.for_reader(db, language)
    return {"id": found.id, "version": found.version} if found else None


def _turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    content = str(turn["content"])
    return {"role": str(turn["role"]), "content": content, "html": markdown.rendered(content)}
