"""Whole rounds without people: simulated annotators follow a hidden taste, and after each round the taste itself says
what the reward learnt and whether the new policy is better than the base. Torch-free: a worker does what needs a model.

Deterministic for a seed: everything is drawn from it, and judgments do not depend on when they are made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback_store import annotators as annotator_rows
from feedback_store import comparisons, exchange, judgments, policies, questions, runs, study_settings
from feedback_store.database import Database
from feedback_store.drawing import Asking
from feedback_store.judgments import NewJudgment
from feedback_store.questions import Question
from feedback_store.runs import Run
from rounds import estimating, idle_settings, run_plan, simulated_annotators, studies, tastes, verbs
from rounds.algorithm_needs import needs_of
from rounds.demo.demo import HOLDOUT_SHARE
from rounds.policy_settings import training_of
from rounds.round_report import collapsed, report
from rounds.settings import SettingsError, parse
from rounds.simulated_annotators import Seen, SimulatedAnnotator
from rounds.supervisor import STARTS_IN_VAIN, WorkerSupervisor, require_folder, start_worker_if_none
from rounds.tastes import Taste

EVALUATED_PROMPTS = 112
EVALUATED_SAMPLES = 4
POLL_SECONDS = 0.25

NAMES = ("policy", "policies", "start_policy", "reward_model", "blind.best_of")
"""Settings that name what the first rounds may make."""
KINDS = ("sample", "train-reward", "train-policy", "evaluate")
OWN = {"sample.pairs": " (--pairs)", "evaluate.policies": "", "evaluate.split": ""}
"""What is not to be set, and what is for it in its place."""

Progress = Callable[[str], None]


class SimulationFailed(ValueError):
    """A run of the simulation failed or was cancelled, or no worker comes up; the words say why."""


@dataclass(frozen=True)
class _Asked:
    """What a simulation is asked for, checked. `prompts`: a file of them, None for the demo's."""

    folder: Path
    rounds: int
    pairs: int
    taste: Taste
    crew: Sequence[SimulatedAnnotator]
    seed: int
    prompts: Path | None
    base: str | None
    precision: str | None
    overrides: dict[str, dict[str, str]]
    functions: Path | None
    say: Progress


@dataclass(frozen=True)
class Simulation:
    """What stays the same over the rounds."""

    db: Database
    worker: WorkerSupervisor
    asked: _Asked


def simulate(
    folder: Path | str,
    *,
    rounds: int,
    pairs: int,
    taste: str,
    annotators: str,
    seed: int = 0,
    prompts: Path | str | None = None,
    base: str | None = None,
    precision: str | None = None,
    overrides: Iterable[str] = (),
    functions: Path | None = None,
    on_progress: Progress | None = None,
) -> Iterator[dict[str, Any]]:
    """Go through `rounds` rounds of `pairs` training comparisons, one judgment each, yielding a report after each.

    The study is made where there is none (prompts: the demo's, or a file). `overrides` are KIND.KEY=VALUE; `functions`
    is the folder of own reward functions for the worker. A wrong taste, annotator, setting or folder raises before
    anything is made, what the study refuses of the settings before the first round; a failed run raises
    SimulationFailed.
    """
    require_folder(functions)
    chosen = tastes.taste(taste)
    crew = simulated_annotators.parse(annotators)
    settings = _overrides(overrides)
    file = Path(prompts) if prompts is not None else None
    if file is not None and not file.is_file():
        raise SettingsError(f"There is no file of prompts {str(file)!r}.")
    asked = _Asked(
        folder=Path(folder), rounds=rounds, pairs=pairs, taste=chosen, crew=crew, seed=seed, prompts=file, base=base,
        precision=precision, overrides=settings, functions=functions, say=on_progress or (lambda _: None),
    )  # fmt: skip
    return _rounds(asked)


def _rounds(asked: _Asked) -> Iterator[dict[str, Any]]:
    fields = {"seed": asked.seed, "holdout_share": HOLDOUT_SHARE}
    with studies.open_or_create(
        asked.folder, base=asked.base, precision=asked.precision, create=True, demo=asked.prompts is None, **fields
    ) as db:
        _refuse_unfinished(db)
        if "candidates" not in asked.overrides.get("sample", {}):
            _refuse_rankings("asked.candidates", studies.settings(db).asked.candidates)
        if asked.prompts is not None:
            exchange.import_file(db, asked.prompts, "prompts")
        _refuse_early(db, asked)
        names = [one.name for one in asked.crew]
        setup = {"taste": asked.taste.__name__, "annotators": names, "pairs": asked.pairs, "seed": asked.seed}
        study_settings.put(db, "simulation", setup, by="simulate")
        with start_worker_if_none(db.folder, functions=asked.functions) as worker, _no_refill(db):
            simulation = Simulation(db, worker, asked)
            for number in range(1, asked.rounds + 1):
                yield {"round": number, **setup, **_round(simulation, number)}


@contextmanager
def _no_refill(db: Database) -> Iterator[None]:
    """Inside, nobody fills the queue beside the rounds; afterwards the study is set as before, for who serves it."""
    refills = studies.settings(db).refill
    studies.change_settings(db, by="simulate", refill=False)
    try:
        yield
    finally:
        studies.change_settings(db, by="simulate", refill=refills)


def _refuse_early(db: Database, asked: _Asked) -> None:
    """What the study refuses of the settings asked for, before the first round and not in the midst of it. What is
    missing so far, and what is called by a name, comes with the rounds."""
    for kind, settings in asked.overrides.items():
        unnamed = {name: value for name, value in settings.items() if name not in NAMES}
        with suppress(run_plan.Impossible):
            run_plan.resolve(db, kind, unnamed, expected=("train-reward", "train-policy"))


def _refuse_unfinished(db: Database) -> None:
    """A simulation that was cut off left a run behind: what it still makes would be counted in with the new rounds."""
    left = runs.active(db)
    if left:
        words = ", ".join(f"{run.id} ({run.kind}, {run.status})" for run in left)
        raise SettingsError(
            f"This study has runs that have not ended: {words}. Let them end (tastemaker worker STUDY --until-idle), "
            "cancel them, or name a new folder for the simulation."
        )


def _round(it: Simulation, number: int) -> dict[str, Any]:
    """One round: sample, judge, train the reward, train the policy, evaluate."""
    began = time.monotonic()
    where = f"round {number} of {it.asked.rounds}"
    sampled = _see_through(it, where, "sample", {"pairs": it.asked.pairs, "overlap_share": 0.0})
    judged = _judge(it, where, sampled)
    rewarded = _see_through(it, where, "train-reward", {"taste_prompts": 0})  # nobody looks on
    reward = (rewarded.result or {})["reward_model"]
    named = {"reward_model": reward} if _learns_from_reward(it) else {}
    trained = _see_through(it, where, "train-policy", {**named, "shown_times": 0})
    new = policies.by_name(it.db, (trained.result or {})["policy"])
    base = policies.base(it.db)
    assert base is not None  # the worker registered it before it took up a run
    plan = {"policies": [base.name, new.name], "reward_model": reward, "seed": it.asked.seed + 1}
    sizes = {"prompts": EVALUATED_PROMPTS, "samples": EVALUATED_SAMPLES}
    evaluation = _see_through(it, where, "evaluate", {**plan, **sizes})
    it.asked.say(f"{where}: computing the report")
    figures = report(it.db, evaluation, base, new, it.asked.taste, it.asked.seed)
    budget_nats = training_of(trained.config)["kl_budget_nats"]
    kl_held_out = (evaluation.result or {})["policies"][new.name].get("kl_nats")
    return {
        "judgments": judged,
        "judgments_total": judgments.count(it.db, purpose="training"),
        "reward_model": reward,
        "policy": new.name,
        "kl_nats": new.metrics.get("kl_nats"),
        "kl_held_out_nats": kl_held_out,
        "kl_budget_nats": budget_nats,
        "stopped_early": new.metrics.get("stopped_early"),
        "alarms": new.metrics.get("alarms", []),
        **figures,
        "collapsed": collapsed(figures, kl_held_out, budget_nats),
        "seconds": round(time.monotonic() - began, 1),
        "runs": [sampled.id, rewarded.id, trained.id, evaluation.id],
        "against_predicted": {
            run.kind: estimating.against_predicted(it.db, run) for run in (sampled, rewarded, trained, evaluation)
        },
    }


def _learns_from_reward(it: Simulation) -> bool:
    """Whether the rewards that are asked for hold the learned one: it has a name then, which nothing else reads."""
    asked = it.asked.overrides.get("train-policy", {})
    return "learned" in needs_of(parse("train-policy", asked))


def _see_through(it: Simulation, where: str, kind: str, settings: dict[str, Any]) -> Run:
    """Queue a run and wait until it has succeeded. Raises SimulationFailed with the run's own words."""
    run, restarts = verbs.start_run(it.db, kind, {**settings, **it.asked.overrides.get(kind, {})}), it.worker.restarts
    while run.status in ("queued", "running"):
        it.asked.say(f"{where}: {kind}, {_progress(run, it.worker)}")
        if run.status == "queued" and it.worker.restarts - restarts >= STARTS_IN_VAIN:
            raise SimulationFailed(f"No worker comes up for run {run.id} ({kind}). {it.worker.state}.")
        time.sleep(POLL_SECONDS)
        run = runs.get(it.db, run.id)
    if run.status != "succeeded":
        raise SimulationFailed(f"Run {run.id} ({kind}) {run.status}: {run.error or 'somebody cancelled it'}")
    return run


def _progress(run: Run, worker: WorkerSupervisor) -> str:
    if run.status == "queued":
        return f"waiting for the worker ({worker.state})"
    now = run.progress or {}
    parts = [str(now.get("phase") or "starting")]
    if now.get("steps"):
        parts.append(f"{now.get('step', 0)}/{now['steps']}")
    if now.get("seconds_left") is not None:
        parts.append(f"{now['seconds_left']:.0f} s left")
    return " ".join(parts)


def _judge(it: Simulation, where: str, sampled: Run) -> int:
    """Every comparison of a sample run judged once, by whom it was dealt to; returns how many judgments that made."""
    ids = {row.id for row in comparisons.listing(it.db, run_id=sampled.id)}
    hands = simulated_annotators.share_out(sorted(ids), it.asked.crew, it.asked.seed)
    made = 0
    for annotator in it.asked.crew:
        person = annotator_rows.ensure(it.db, annotator.name, "simulated").id
        it.asked.say(f"{where}: {annotator.name} judges {len(hands[annotator.name])} pairs")
        while batch := _handed_out(it, person, hands[annotator.name]):
            for question in batch:
                made += _answer(it, annotator, person, question) in ids
    return made


def _handed_out(it: Simulation, person: int, ids: list[int]) -> list[Question]:
    asking = Asking(seed=studies.settings(it.db).seed)
    return questions.next_questions(it.db, person, limit=10, asking=asking, comparison_ids=ids).questions


def _answer(it: Simulation, annotator: SimulatedAnnotator, person: int, question: Question) -> int:
    """Judge one question and store the answer as a person's is stored; returns the comparison's id."""
    comparison = comparisons.get(it.db, question.comparison_public_id)
    left, right = (Seen(one.text, it.asked.taste(one.text, one.cut_off)) for one in question.completions)
    draw = simulated_annotators.generator(it.asked.seed, annotator.name, comparison.id)
    answer = simulated_annotators.judge(annotator.profile, left, right, draw)
    ranks = [rank for _, rank in sorted(zip(question.shown, answer.ranks_as_shown(), strict=True))]
    new = NewJudgment(
        comparison=comparison.id,
        annotator_id=person,
        ranks=ranks,
        shown=question.shown,
        key=f"simulated-{comparison.id}",
        both_bad=answer.both_bad,
        milliseconds=answer.milliseconds,
    )
    judgments.submit(it.db, new)
    return comparison.id


def _overrides(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """KIND.KEY=VALUE by kind, each checked. Raises SettingsError."""
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        kind, dot, key = path.strip().partition(".")
        if not (equals and dot and key) or kind not in KINDS:
            kinds = ", ".join(KINDS)
            raise SettingsError(f"{text!r} is no setting of a run: write KIND.KEY=VALUE, where KIND is one of {kinds}.")
        if f"{kind}.{key}" in OWN:
            raise SettingsError(f"{kind}.{key} is what a simulation sets itself{OWN[f'{kind}.{key}']}: leave it out.")
        found.setdefault(kind, {})[key] = value.strip()
    for kind, asked in found.items():
        idle_settings.require_none(kind, asked, parse(kind, asked))
    _refuse_rankings("sample.candidates", parse("sample", found.get("sample", {}))["candidates"])
    policy, reward = (parse(kind, found.get(kind, {})) for kind in ("train-policy", "train-reward"))
    if policy["reward_combination"] != "head" and not reward["reward"]["ensemble"]["members"]:
        raise SettingsError(
            f"train-policy.reward_combination = {policy['reward_combination']!r} is not allowed: rewards are trained "
            "without further heads. Set train-reward.reward.ensemble.members=5 as well, or leave it at head."
        )
    return found


def _refuse_rankings(name: str, candidates: int) -> None:
    if candidates > 2:
        raise SettingsError(
            f"{name} is {candidates}; here it is allowed to be 2: simulated annotators compare two, and rank none."
        )
