"""What the page data asks: what there is to choose from, and the tables of prompts, completions and judgments.

Everybody but admins sees people by pseudonym, and nobody sees which policy wrote a sealed text: the store's tables hold
that back themselves.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from feedback_store import (
    annotators,
    comparisons,
    completion_table,
    exchange,
    judgment_table,
    judgments,
    policies,
    prompt_table,
    prompts,
    rounds,
    snapshots,
)
from feedback_store.completion_table import CompletionFilters
from feedback_store.errors import InvalidInput
from feedback_store.judgment_table import JudgmentFilters
from feedback_store.prompt_table import PromptFilters
from feedback_store.row_pages import Page
from ui.web.actors import known_as
from ui.web.errors import NotThere
from ui.web.people_routes import LARGEST_ID
from ui.web.review_routes import LONGEST_SHOWN
from ui.web.roles import Researcher
from ui.web.study import study_of

router = APIRouter(prefix="/api/data", tags=["data"])

PEOPLE_NAMED = 300
RowId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Id = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]
Number = Annotated[int | None, Query(ge=0, le=LARGEST_ID)]
Word = Annotated[str | None, Query(min_length=1, max_length=200)]
Size = Annotated[int, Query(ge=1, le=100)]


@router.get("")
def choices(request: Request, person: Researcher) -> dict[str, Any]:
    """How much there is, and what filters and forms let choose from."""
    db = study_of(request).db
    name_of = known_as(db, person)
    people = annotators.listing(db)
    count = comparisons.counts(db)
    return {
        "counts": {
            "prompts": prompts.count(db),
            "comparisons": count.ready + count.leased + count.judged,
            "answers": judgments.count(db, skips=True),
        },
        "reads": exchange.formats_that("read"),
        "writes": [_format(name) for name in exchange.formats_that("write")],
        "purposes": comparisons.PURPOSES,
        "splits": prompts.SPLITS,
        "rounds": [one.number for one in rounds.listing(db)],
        "policies": [one.name for one in policies.listing(db, external=True)],
        "languages": prompts.languages(db),
        "tags": prompt_table.tags(db),
        "people": [{"id": one.id, "name": name_of(one.name)} for one in people[:PEOPLE_NAMED]],
        "more_people": len(people) > PEOPLE_NAMED,
        "snapshots": [vars(one) for one in snapshots.listing(db)],
    }


@router.get("/prompts")
def prompt_rows(
    request: Request,
    person: Researcher,
    search: Word = None,
    split: Word = None,
    group: Word = None,
    language: Word = None,
    tag: Word = None,
    imported: Id = None,
    taken_back: bool = False,
    before: Id = None,
    size: Size = 25,
) -> dict[str, Any]:
    """Prompts, the newest first."""
    narrowed = PromptFilters(search, split, group, language, tag, imported, taken_back)
    return _page(prompt_table.page(study_of(request).db, narrowed, before=before, size=size))


@router.get("/prompts/{prompt_id}")
def prompt(request: Request, person: Researcher, prompt_id: RowId) -> dict[str, Any]:
    """One prompt with what belongs to it."""
    try:
        found = prompt_table.one(study_of(request).db, prompt_id)
    except InvalidInput as error:
        raise NotThere(str(error)) from error
    about = found.prompt
    return {
        "id": about.id,
        "messages": _messages(about.messages),
        "group": about.named_group,
        "split": about.split,
        "language": about.language,
        "tags": about.tags,
        "reference": (about.reference or "")[:LONGEST_SHOWN] or None,
        "taken_back": found.taken_back,
        "imports": found.imports,
        "comparisons": found.comparisons,
        "more": found.more,
        "counts": found.counts,
    }


@router.get("/completions")
def completion_rows(
    request: Request,
    person: Researcher,
    search: Word = None,
    policy: Word = None,
    prompt: Id = None,
    run: Id = None,
    cut_off: bool | None = None,
    split: Word = None,
    language: Word = None,
    taken_back: bool = False,
    before: Id = None,
    size: Size = 25,
) -> dict[str, Any]:
    """Completions, the newest first."""
    narrowed = CompletionFilters(search, policy, prompt, run, cut_off, split, language, taken_back)
    return _page(completion_table.page(study_of(request).db, narrowed, before=before, size=size))


@router.get("/completions/{completion_id}")
def completion(request: Request, person: Researcher, completion_id: RowId) -> dict[str, Any]:
    """One completion with what belongs to it."""
    try:
        found = completion_table.one(study_of(request).db, completion_id)
    except InvalidInput as error:
        raise NotThere(str(error)) from error
    one = found.completion
    return {
        "id": one.id,
        "public_id": one.public_id,
        "prompt_id": one.prompt_id,
        **_text(one.text),
        "policy": found.policy,
        "run_id": found.run_id,
        "sealed": found.sealed,
        "tokens": one.token_count,
        "cut_off": None if one.finish_reason is None else one.finish_reason == "length",
        "taken_back": found.taken_back,
        "created_at": None if found.sealed else one.created_at,
        "comparisons": found.comparisons,
    }


@router.get("/judgments")
def judgment_rows(
    request: Request,
    person: Researcher,
    round: Number = None,
    split: Word = None,
    purpose: Word = None,
    language: Word = None,
    tag: Word = None,
    policy: Word = None,
    who: Id = None,
    verdict: Word = None,
    state: Word = None,
    since: Word = None,
    until: Word = None,
    run: Id = None,
    imported: Id = None,
    completion: Id = None,
    prompt: Id = None,
    comparison: Id = None,
    before: Id = None,
    size: Size = 25,
) -> dict[str, Any]:
    """Judgments, the newest first. `run`: those that a run saw."""
    db = study_of(request).db
    narrowed = JudgmentFilters(
        round, split, purpose, language, tag, policy, who, verdict, state, since, until, run, imported, completion,
        prompt, comparison,
    )  # fmt: skip
    found = judgment_table.page(db, narrowed, before=before, size=size)
    name_of = known_as(db, person)
    return _page(Page([{**row, "person": name_of(row["person"])} for row in found.rows], found.before, found.filled))


@router.get("/judgments/{judgment_id}")
def judgment(request: Request, person: Researcher, judgment_id: RowId) -> dict[str, Any]:
    """One judgment with its pair, its history, and what it trained."""
    db = study_of(request).db
    try:
        found = judgment_table.one(db, judgment_id)
    except InvalidInput as error:
        raise NotThere(str(error)) from error
    said = found.judgment
    return {
        **found.row,
        "person": known_as(db, person)(found.row["person"]),
        "rationale": said.rationale,
        "criteria": said.criteria,
        "improved": said.improved,
        "view": said.view,
        "input_device": said.input_device,
        "late": said.late,
        "marks": said.marks,
        "prompt": _messages(found.prompt.messages),
        "completions": [
            {
                "id": one.id,
                **_text(one.text),
                "policy": policy,
                "sealed": policy is None,
                "cut_off": one.finish_reason == "length",
            }
            for one, policy in found.completions
        ],
        "superseded_by": found.superseded_by,
        "trained": vars(found.trained),
    }


def _format(name: str) -> dict[str, Any]:
    module = exchange.format_that_can(name, "write")
    return {"name": name, "options": module.OPTIONS, "filters": getattr(module, "FILTERS", None)}


def _page(found: Page) -> dict[str, Any]:
    return {"rows": found.rows, "before": found.before, "filled": found.filled}


def _text(text: str) -> dict[str, Any]:
    return {"text": text[:LONGEST_SHOWN], "shortened": len(text) > LONGEST_SHOWN, "characters": len(text)}


def _messages(messages: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{"role": str(turn["role"]), "content": str(turn["content"])[:LONGEST_SHOWN]} for turn in messages]
