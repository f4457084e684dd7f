"""How the loop stands: all that the console shows, from one call that reads rows and computes nothing heavy."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from feedback_store import comparisons, exclusions, judgments, policies, prompts, reward_models, run_records, runs
from feedback_store import rounds as round_rows
from feedback_store.database import Database
from feedback_store.policies import Policy
from feedback_store.rounds import Round
from feedback_store.runs import Run
from rounds import blind_results, studies, worker_lock
from rounds.next_step import Action, Facts, NextStep, RewardView, actions, advise, told_apart
from rounds.settings import StudySettings
from rounds.unproven_reward import is_unproven

TRAININGS = ("train-reward", "train-policy")
LATEST_RUNS = 30
HOLDOUT_SERIES = "holdout"
"""The series of a train-reward run that keeps what the reward says of each held-out pair that chance drew."""


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class PolicyView(_View):
    """A policy by name; `parent` is the name of the one it was trained from, `unchanged` whether it is no other."""

    id: int
    name: str
    kind: str
    parent: str | None
    unchanged: bool
    created_at: str


class PairCounts(_View):
    """Comparisons that can be asked or are in somebody's hands, and judgments that train: of people and
    imports that are not left out, without skips.
    """

    ready: int
    leased: int
    judged: int = Field(description="comparisons with all their answers")
    judged_total: int = Field(description="judgments")
    since_reward: int = Field(description="judgments that the latest reward model has not seen")


class PromptCounts(_View):
    """Prompts by split."""

    train: int
    holdout: int


class PolicyRunView(_View):
    """The run that made the latest trained policy: means over its own fresh samples."""

    run_id: int
    policy: str
    reward_model: str | None
    score: float | None
    kl_nats: float | None
    length_tokens: float | None
    entropy_nats: float | None
    cut_off: float | None
    stopped_early: str | None
    alarms: list[str] = Field(description="codes of what went past its limit")


class ResultView(_View):
    """The current policy against its parent, judged blind, as rounds.policy_results counts it."""

    newer: str
    older: str
    wins: float
    ties: float
    losses: float
    judgments: int
    share: float | None
    low: float
    high: float
    cannot_tell: bool
    more_judgments: int | None
    every_look: bool = Field(description="whether the interval holds however often one looked")


class RunRow(_View):
    """A run in one line; `cancelling` where it was asked to stop and has not yet."""

    id: int
    kind: str
    status: str
    progress: dict[str, Any]
    error: str | None
    cancelling: bool
    created_at: str
    started_at: str | None
    ended_at: str | None


class WorkerView(_View):
    """The worker that serves the study; none where nothing beats."""

    pid: int
    host: str
    seconds_ago: float


class SideBySideNames(_View):
    """The two policies to look at beside each other."""

    older: str
    newer: str


class LoopState(_View):
    """All of it. `finished` is when a run ended last."""

    base: str
    round: int
    policy: PolicyView | None
    policies: list[PolicyView]
    prompts: PromptCounts
    pairs: PairCounts
    reward: RewardView | None
    policy_run: PolicyRunView | None
    result: ResultView | None
    next_step: NextStep
    actions: list[Action]
    active: list[RunRow]
    runs: list[RunRow]
    finished: str | None
    side_by_side: SideBySideNames | None
    worker: WorkerView | None


def loop_state(db: Database) -> LoopState:
    """How the loop of this study stands now."""
    study = studies.settings(db)
    listing = policies.listing(db)
    names = {policy.id: policy.name for policy in listing}
    current = policies.current(db)
    latest = runs.listing(db, limit=LATEST_RUNS)
    active = runs.active(db)
    pairs, reward, used = _pairs(db), _reward(db, study), _reward_was_used(db, listing)
    counts = PromptCounts(train=prompts.count(db, "train"), holdout=prompts.count(db, "holdout"))
    facts = _facts(counts, current, listing, pairs, reward, used, active, latest)
    beat = worker_lock.beating(db.folder)
    return LoopState(
        base=study.base,
        round=open_round(db).number,
        policy=_policy(current, names) if current else None,
        policies=[_policy(policy, names) for policy in listing],
        prompts=counts,
        pairs=pairs,
        reward=reward,
        policy_run=_policy_run(listing),
        result=_result(db, current, names),
        next_step=advise(facts),
        actions=actions(facts),
        active=[_run(run) for run in active],
        runs=[_run(run) for run in latest],
        finished=max((run.ended_at for run in latest if run.ended_at), default=None),
        side_by_side=_side_by_side(current, names),
        worker=WorkerView(pid=beat.pid, host=beat.host, seconds_ago=beat.seconds_ago) if beat else None,
    )


def open_round(db: Database) -> Round:
    """The open round. Looking at a new study opens none: its first round begins with its first comparison."""
    rounds = round_rows.listing(db)
    return rounds[-1] if rounds else Round(id=0, number=1, policy_id=None, opened_at="", closed_at=None)


def run_row(run: Run) -> dict[str, Any]:
    """A run in one line, as plain values."""
    return _run(run).model_dump()


def _policy(policy: Policy, names: dict[int, str]) -> PolicyView:
    parent = names.get(policy.parent_id) if policy.parent_id is not None else None
    return PolicyView(
        id=policy.id,
        name=policy.name,
        kind=policy.kind,
        parent=parent,
        unchanged=policies.is_unchanged(policy.metrics),
        created_at=policy.created_at,
    )


def _pairs(db: Database) -> PairCounts:
    counts = comparisons.counts(db)
    reward = reward_models.latest(db)
    total = exclusions.judgments_that_train(db)
    return PairCounts(
        ready=counts.ready,
        leased=counts.leased,
        judged=counts.judged,
        judged_total=total,
        since_reward=judgments.count_new_to(db, reward.run_id) if reward else total,
    )


def _reward(db: Database, study: StudySettings) -> RewardView | None:
    reward = reward_models.latest(db)
    if reward is None:
        return None
    holdout = reward.metrics.get("holdout") or {}
    accuracy, low, high = (holdout.get(name) for name in ("accuracy", "accuracy_low", "accuracy_high"))
    baseline, decided = holdout.get("length_baseline"), int(holdout.get("decided") or 0)
    lead_low = holdout.get("lead_low")
    cannot_tell, more, rival = told_apart(accuracy, low, baseline, lead_low, decided, study.holdout_questions)
    return RewardView(
        name=reward.name,
        judgments=int(reward.metrics.get("judgments") or len(run_records.judgments_of(db, reward.run_id))),
        accuracy=accuracy,
        low=low,
        high=high,
        decided=decided,
        length_baseline=baseline,
        lead=None if accuracy is None or baseline is None else accuracy - baseline,
        lead_low=lead_low,
        cannot_tell=cannot_tell,
        rival=rival,
        more_judgments=more,
        unproven=is_unproven(reward.metrics),
    )


def _reward_was_used(db: Database, listing: list[Policy]) -> bool:
    reward = reward_models.latest(db)
    return reward is not None and any(policy.metrics.get("reward_model") == reward.name for policy in listing)


def _policy_run(listing: list[Policy]) -> PolicyRunView | None:
    trained = [policy for policy in listing if policy.kind == "trained" and policy.imported is None]
    if not trained:
        return None
    policy = trained[-1]
    figures = ("score", "kl_nats", "length_tokens", "entropy_nats", "cut_off", "reward_model", "stopped_early")
    assert policy.run_id is not None
    return PolicyRunView(
        run_id=policy.run_id,
        policy=policy.name,
        alarms=policy.metrics.get("alarms") or [],
        **{name: policy.metrics.get(name) for name in figures},
    )


def _result(db: Database, current: Policy | None, names: dict[int, str]) -> ResultView | None:
    if current is None or current.parent_id is None:
        return None
    older = names[current.parent_id]
    found = asdict(blind_results.result_of(db, current.name, older))
    told = {name: value for name, value in found.items() if name in ResultView.model_fields}
    return ResultView(newer=current.name, older=older, every_look=found["interval"] == "every look", **told)


def _facts(
    counts: PromptCounts,
    current: Policy | None,
    known: list[Policy],
    pairs: PairCounts,
    reward: RewardView | None,
    used: bool,
    active: list[Run],
    latest: list[Run],
) -> Facts:
    return Facts(
        prompts=counts.train + counts.holdout,
        policy=current.name if current else None,
        is_base=current is None or current.kind == "base" or current.imported is not None,
        has_parent=current is not None and current.parent_id is not None,
        has_weights=current is not None and current.folder is not None,
        others=any(one.folder is not None and one != current for one in known),
        ready=pairs.ready,
        judgments=pairs.judged_total,
        since_reward=pairs.since_reward,
        reward=reward,
        reward_was_used=used,
        active={run.kind: run.id for run in reversed(active)},
        failed=_failed(latest),
    )


def _failed(latest: list[Run]) -> tuple[str, int, str] | None:
    """The first failure since a run of the loop ended otherwise: those after it may only have lacked its result."""
    first = None
    for run in latest:
        if run.kind not in ("sample", *TRAININGS) or run.ended_at is None:
            continue
        if run.status == "cancelled" and run.error:  # it waited for one that failed
            continue
        if run.status != "failed":
            break
        first = (run.kind, run.id, run.error or "")
    return first


def _run(run: Run) -> RunRow:
    return RunRow(
        id=run.id,
        kind=run.kind,
        status=run.status,
        progress=run.progress or {},
        error=run.error,
        cancelling=run.cancel_asked_at is not None and run.ended_at is None,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
    )


def _side_by_side(current: Policy | None, names: dict[int, str]) -> SideBySideNames | None:
    if current is None or current.parent_id is None:
        return None
    return SideBySideNames(older=names[current.parent_id], newer=current.name)
