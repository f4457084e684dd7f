"""What the page policies asks: the policies, and making one current; blind evaluations, sealed and unsealed.

While an evaluation is sealed its row tells how many pairs were judged, and nothing that depends on who wrote what.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from feedback_store import evaluation_texts, evaluations, judgments, policies
from feedback_store.errors import InvalidInput
from feedback_store.evaluations import Evaluation
from rounds import base_names, evaluating, evaluation_figures, studies, verbs, weight_exports
from ui.web import policy_table
from ui.web.actors import actor, reader
from ui.web.archives import zipped
from ui.web.errors import NotThere
from ui.web.latest_figures import Reading
from ui.web.people_routes import LARGEST_ID, Body
from ui.web.roles import Person, Researcher
from ui.web.study import StudyAtHand, study_of

router = APIRouter(prefix="/api", tags=["runs"])

EvaluationId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
ExportName = Annotated[str, Path(min_length=1, max_length=100)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Page = Annotated[int, Query(ge=0, le=1_000_000)]
Size = Annotated[int, Query(ge=1, le=100)]
Side = Annotated[int, Query(ge=0, le=evaluations.MOST_SIDES)]
LONGEST_SHOWN = 20_000


class EvaluationBody(Body):
    """`policies` that are sides, `best_of`: those whose best of `best_of_texts` by the reward is a side as well."""

    policies: list[Name] = Field(max_length=evaluations.MOST_SIDES)
    best_of: list[Name] = Field(default=[], max_length=evaluations.MOST_SIDES)
    best_of_texts: int = Field(default=4, ge=2, le=64)
    judgments: int = Field(ge=2, le=10_000)
    stop_rule: Literal["count", "sequential"] = "count"


class UseBody(Body):
    policy: Name


@router.get("/policies")
def listing(request: Request, person: Researcher, page: Page = 0, size: Size = 25) -> dict[str, Any]:
    """The study's policies, the newest first, each with what made it and its automatic figures."""
    db = study_of(request).db
    rows = policy_table.rows(db)
    current = policies.current(db)
    return {
        "policies": rows[page * size : (page + 1) * size],
        "total": len(rows),
        "current": current.name if current else None,
        "names": [row["name"] for row in rows],
        "rewarded": policy_table.has_reward(db),
        "base_on_hub": base_names.hub_id(studies.settings(db).base) is not None,
        "seconds_each": judgments.seconds_each(db),
    }


@router.post("/policies/use")
def use(request: Request, person: Researcher, body: UseBody) -> dict[str, Any]:
    """Make a policy the current one; making the other current again undoes it."""
    return {"current": verbs.use_policy(study_of(request).db, body.policy, by=actor(person)).name}


@router.get("/policies/exports")
def exports(request: Request, person: Researcher) -> dict[str, Any]:
    """Policies and reward models that were exported for other programs, the newest first."""
    return {"exports": [asdict(one) for one in weight_exports.listing(study_of(request).db)]}


@router.get("/policies/exports/{name}")
def download(request: Request, person: Researcher, name: ExportName) -> StreamingResponse:
    """One of them as a zip file."""
    try:
        found = weight_exports.files(study_of(request).db, name)
    except InvalidInput as error:
        raise NotThere(str(error)) from error
    headers = {"content-disposition": f'attachment; filename="{name}.zip"'}
    return StreamingResponse(zipped(name, found), media_type="application/zip", headers=headers)


@router.get("/policies/strengths")
def strengths(request: Request, person: Researcher) -> dict[str, Any]:
    """All policies that people compared blind, together: shares, strengths, slices."""
    reading = _figures(study_of(request))
    return {"result": reading.figures["all"] if reading.figures else None, **reading.as_of}


@router.get("/evaluations")
def all_of_them(request: Request, person: Researcher, page: Page = 0, size: Size = 10) -> dict[str, Any]:
    """Blind evaluations, the latest first, with how far each is."""
    study = study_of(request)
    found = evaluations.listing(study.db, limit=size, offset=page * size)
    return {"evaluations": [_row(study, person, one) for one in found], "total": evaluations.count(study.db)}


@router.post("/evaluations")
def start(request: Request, person: Researcher, body: EvaluationBody) -> dict[str, Any]:
    """Queue the run that draws the texts of a blind evaluation, which is sealed from now on."""
    study = study_of(request)
    counted = {"judgments", "stop_rule", *({"best_of", "best_of_texts"} if body.best_of else ())}
    blind = body.model_dump(include=counted)
    settings = {"policies": body.policies, "blind": blind}
    run = verbs.start_run(study.db, "evaluate", settings, by=actor(person))
    return _row(study, person, evaluations.of_run(study.db, run.id))


@router.get("/evaluations/{evaluation_id}")
def one(request: Request, person: Researcher, evaluation_id: EvaluationId) -> dict[str, Any]:
    """One evaluation: how far it is, and its result where it is not sealed."""
    study = study_of(request)
    found = _there(study, evaluation_id)
    row = _row(study, person, found)
    if found.sealed:
        return {**row, "result": None}
    reading = _figures(study)
    known = reading.figures["evaluations"].get(str(evaluation_id)) if reading.figures else None
    return {**row, "result": known, **reading.as_of}


@router.post("/evaluations/{evaluation_id}/unseal")
def unseal(request: Request, person: Researcher, evaluation_id: EvaluationId) -> dict[str, Any]:
    """Look early: it ends here, and the result says so for ever."""
    study = study_of(request)
    _there(study, evaluation_id)
    return _row(study, person, evaluations.unseal(study.db, evaluation_id, why="early", by=actor(person)))


@router.get("/evaluations/{evaluation_id}/regressions")
def regressions(
    request: Request,
    person: Researcher,
    evaluation_id: EvaluationId,
    older: Side,
    newer: Side,
    page: Page = 0,
    size: Annotated[int, Query(ge=1, le=20)] = 5,
) -> dict[str, Any]:
    """Pairs in which the older side's text was preferred, the clearest first."""
    study = study_of(request)
    sides = _there(study, evaluation_id).sides
    if older >= len(sides) or newer >= len(sides) or older == newer:
        raise NotThere(f"Evaluation {evaluation_id} has the sides 0 to {len(sides) - 1}; name two of them.")
    found = evaluating.regressions(study.db, evaluation_id, older, newer)
    shown = []
    for lost in found[page * size : (page + 1) * size]:
        pair = evaluation_texts.of_pair(study.db, lost.comparison_id)
        shown.append(
            {
                "comparison": pair.public_id,
                "strength": lost.strength,
                "prompt": "\n\n".join(str(turn["content"]) for turn in pair.prompt)[:LONGEST_SHOWN],
                "older": _text(pair.texts[older]),
                "newer": _text(pair.texts[newer]),
            }
        )
    return {"pairs": shown, "total": len(found)}


def _text(written: evaluation_texts.SideText) -> dict[str, Any]:
    return {"text": written.text[:LONGEST_SHOWN], "cut_off": written.cut_off}


def _figures(study: StudyAtHand) -> Reading:
    return study.policy_figures.read(tuple(evaluation_figures.state(study.db)))


def _there(study: StudyAtHand, evaluation_id: int) -> Evaluation:
    try:
        return evaluations.get(study.db, evaluation_id)
    except InvalidInput as error:
        raise NotThere(str(error)) from error


def _row(study: StudyAtHand, person: Person, one: Evaluation) -> dict[str, Any]:
    return policy_table.evaluation_row(study.db, one, reader(study.db, person))
