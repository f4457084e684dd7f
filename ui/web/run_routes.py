"""What the page runs asks: runs to plan, start, watch, cancel, try again and compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from feedback_store import policies, reward_models, runs
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from rounds import estimating, loop_state, presets, run_plan, run_views, setting_fields, verbs
from rounds.settings import KIND_SETTINGS
from rounds.work import Facts
from ui.web.actors import actor
from ui.web.errors import NotThere
from ui.web.roles import Researcher
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["runs"])

# Not `score`: it reads a file by its path, which is for those who sit at this machine.
Kind = Literal["sample", "train-reward", "train-policy", "evaluate", "policy-export", "reward-export"]
IN_FORM: tuple[Kind, ...] = ("sample", "train-reward", "train-policy", "evaluate")
NEXT_POLICY: tuple[Kind, ...] = ("train-reward", "train-policy")
NO_FIELD = ("resume_from",)  # set by trying again
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
LARGEST_ID = 2**53
MOST_COMPARED = 6  # as many lines as a drawing tells apart
RunId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
LineId = Annotated[int | None, Query(ge=0, le=LARGEST_ID)]
Page = Annotated[int, Query(ge=0, le=1_000_000)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Settings = Annotated[
    dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=20_000)] | bool | int | Number | None],
    Field(max_length=100),
]
Preset = Annotated[str | None, Field(max_length=50)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunBody(Body):
    """A kind of run, a preset, and settings by their dotted names over it."""

    kind: Kind
    settings: Settings = Field(default_factory=dict)
    preset: Preset = None


class NextBody(Body):
    """The same for the two runs of a round."""

    reward: Settings = Field(default_factory=dict)
    policy: Settings = Field(default_factory=dict)
    preset: Preset = None


class RetryBody(Body):
    from_checkpoint: bool = False


@router.get("/runs")
def listing(
    request: Request,
    person: Researcher,
    kind: Annotated[str | None, Query(min_length=1, max_length=50)] = None,
    status: Annotated[Status | None, Query()] = None,
    page: Page = 0,
    size: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, Any]:
    """The latest runs of a kind and status, the newest first, and how many there are."""
    return run_views.listing(study_of(request).db, kind, status, limit=size, offset=page * size)


@router.get("/runs/kinds")
def kinds(request: Request, person: Researcher) -> dict[str, Any]:
    """What the form is made of: for each kind its fields, the study's values, and presets."""
    db = study_of(request).db
    facts = estimating.facts(db)
    return {"kinds": [_kind(db, kind, facts) for kind in IN_FORM]}


@router.post("/runs")
def start(request: Request, person: Researcher, body: RunBody) -> dict[str, Any]:
    """Queue a run."""
    db = study_of(request).db
    return loop_state.run_row(verbs.start_run(db, body.kind, body.settings, preset=body.preset, by=actor(person)))


@router.post("/runs/plan")
def plan(request: Request, person: Researcher, body: RunBody) -> dict[str, Any]:
    """What a run would be, without starting it: settings, command, file, estimate; or what is wrong with it."""
    part = _planned(study_of(request).db, body.kind, body.settings, body.preset)
    return {"parts": [part], "command": part["command"]}


@router.post("/next-policy")
def train_next_policy(request: Request, person: Researcher, body: NextBody | None = None) -> dict[str, Any]:
    """Queue a reward model on all judgments and, behind it, a policy trained against it."""
    asked = body or NextBody()
    found = verbs.train_next_policy(study_of(request).db, asked.reward, asked.policy, asked.preset)
    return {"runs": [loop_state.run_row(run) for run in found]}


@router.post("/next-policy/plan")
def plan_next_policy(request: Request, person: Researcher, body: NextBody) -> dict[str, Any]:
    """What the two runs of a round would be; the command waits for the first before it starts the second."""
    db = study_of(request).db
    each = ((body.reward, presets.of_the_reward(body.preset)), (body.policy, body.preset))
    parts = [
        _planned(db, kind, settings, preset, expected=NEXT_POLICY[:place])
        for place, (kind, (settings, preset)) in enumerate(zip(NEXT_POLICY, each, strict=True))
    ]
    whole = all(part["command"] for part in parts)
    return {"parts": parts, "command": " --wait && ".join(part["command"] for part in parts) if whole else None}


@router.get("/runs/{run_id}")
def run(
    request: Request, person: Researcher, run_id: RunId, after_log: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0
) -> dict[str, Any]:
    """A run with its settings, result, relatives, curves, and the log lines that came after one that was read."""
    with _known():
        return run_views.run_view(study_of(request).db, run_id, after_log=after_log)


@router.get("/runs/{run_id}/config.toml")
def config(request: Request, person: Researcher, run_id: RunId) -> PlainTextResponse:
    """All its settings as a file for `tastemaker run --config`."""
    with _known():
        text = run_views.config_toml(study_of(request).db, run_id)
    named = {"content-disposition": f'attachment; filename="run-{run_id}.toml"'}
    return PlainTextResponse(text, media_type="application/toml", headers=named)


@router.get("/runs/{run_id}/log")
def log(
    request: Request,
    person: Researcher,
    run_id: RunId,
    after: LineId = None,
    before: LineId = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """The last lines of its log, those before a line, or those after one."""
    with _known():
        return run_views.log_page(study_of(request).db, run_id, after=after, before=before, limit=limit)


@router.get("/runs/{run_id}/samples")
def samples(
    request: Request,
    person: Researcher,
    run_id: RunId,
    page: Page = 0,
    size: Annotated[int, Query(ge=1, le=20)] = run_views.SAMPLES_A_PAGE,
) -> dict[str, Any]:
    """What the policy wrote before, on the way and after, prompt by prompt."""
    with _known():
        return run_views.samples(study_of(request).db, run_id, page=page, size=size)


@router.get("/runs/{run_id}/tokens")
def tokens(
    request: Request,
    person: Researcher,
    run_id: RunId,
    step: Annotated[int | None, Query(ge=0, le=LARGEST_ID)] = None,
    page: Page = 0,
    size: Annotated[int, Query(ge=1, le=20)] = 4,
) -> dict[str, Any]:
    """A few rollouts of its training, token by token: text, log-probs, KL, reward, shaping, value, advantage."""
    with _known():
        return run_views.tokens(study_of(request).db, run_id, step=step, page=page, size=size)


@router.get("/curves")
def curves(
    request: Request,
    person: Researcher,
    runs: Annotated[list[Annotated[int, Field(ge=1, le=LARGEST_ID)]], Query(min_length=1, max_length=MOST_COMPARED)],
) -> dict[str, Any]:
    """Several runs with all their curves, to be drawn in one plot."""
    with _known():
        return run_views.compared(study_of(request).db, runs)


@router.post("/runs/{run_id}/cancel")
def cancel(request: Request, person: Researcher, run_id: RunId) -> dict[str, Any]:
    """Cancel a run that waits, ask one that runs to stop after its step."""
    return loop_state.run_row(runs.cancel(study_of(request).db, run_id))


@router.post("/runs/{run_id}/retry")
def retry(request: Request, person: Researcher, run_id: RunId, body: RetryBody | None = None) -> dict[str, Any]:
    """Queue a run that failed or was cancelled again: from the start, or from its newest checkpoint."""
    asked = body or RetryBody()
    db = study_of(request).db
    return loop_state.run_row(verbs.retry_run(db, run_id, from_checkpoint=asked.from_checkpoint))


@contextmanager
def _known() -> Iterator[None]:
    """A run that there is none of is not found."""
    try:
        yield
    except InvalidInput as error:
        raise NotThere(str(error)) from error


def _kind(db: Database, kind: Kind, facts: Facts) -> dict[str, Any]:
    fields = [
        asdict(field) for field in setting_fields.fields_of(KIND_SETTINGS[kind], kind) if field.name not in NO_FIELD
    ]
    for field in fields:
        names = _names_for(db, field["name"])
        if names is not None:
            field |= {"kind": "choice", "options": names}
    own = run_plan.own_settings(db, kind)
    return {
        "kind": kind,
        "fields": fields,
        "values": {field["name"]: own[field["name"]] for field in fields},
        "presets": [asdict(preset) for preset in presets.of(kind, facts)],
    }


def _names_for(db: Database, field: str) -> list[str] | None:
    """The names that a setting chooses among; None where it is no such setting."""
    if field in ("policy", "start_policy"):
        return [policy.name for policy in reversed(policies.listing(db))]
    if field == "reward_model":
        return [model.name for model in reversed(reward_models.listing(db))]
    return None


def _planned(
    db: Database, kind: Kind, settings: Mapping[str, Any], preset: str | None, expected: tuple[Kind, ...] = ()
) -> dict[str, Any]:
    """A plan with its estimate; where the run cannot be, `faults` by the name of the setting, or why it is `refused`:
    the reason in words, and the code under which pages say it.
    """
    answer: dict[str, Any] = {"kind": kind, "faults": {}, "refused": None, "command": None}
    try:
        faults = run_plan.faults(db, kind, settings, preset)
        if faults:
            return {**answer, "faults": {name: asdict(fault) for name, fault in faults.items()}}
        resolved = run_plan.resolve(db, kind, settings, preset=preset, expected=expected)
    except run_plan.Impossible as error:
        return {**answer, "refused": error.said.model_dump()}
    except run_plan.REFUSALS as error:
        return {**answer, "refused": {"code": "", "numbers": {}, "reason": str(error)}}
    made = run_plan.plan(db, kind, resolved)
    return {**answer, **asdict(made), "estimate": asdict(estimating.estimate_run(db, kind, resolved))}
