"""Blind evaluations as pages and commands use them: begun with their run, unsealed by their rule or early, and the gate
of a script. Torch-free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from feedback_store import comparisons, evaluations, held_back, policies, prompts, reward_models, seals
from feedback_store.database import Database
from feedback_store.evaluations import Evaluation
from feedback_store.leases import Lease, fence
from feedback_store.policies import Policy
from feedback_store.runs import Run
from rounds import statistics, stop_rule
from rounds.blind_results import result_of
from rounds.policy_results import PolicyResult
from rounds.stop_rule import scores_by_pair

BY_RULE = "rule"
LOOKS = 50
LONGEST_ID = 15
FEWEST_BLIND = 10
"""Blind judgments from which a gate goes by people; below it goes by the reward."""


class CannotEvaluate(ValueError):
    """A blind evaluation or a gate was asked for that has nothing to go by; the words say what is missing."""


@dataclass(frozen=True)
class Gate:
    """How often the current policy is preferred to its parent, ties half, with a 95 % interval. `basis`: by people,
    blind, or by the reward model named; `number` of judgments or of prompts. `every_look`: the interval holds however
    often one looked, for an evaluation among the judgments could end by what they said (blind_results.py).
    """

    newer: str
    older: str
    basis: Literal["blind", "reward"]
    reward_model: str | None
    share: float
    low: float
    high: float
    number: int
    every_look: bool = False

    def words(self) -> str:
        """The gate in one line."""
        judged = f"{self.number} blind judgments"
        by = judged if self.basis == "blind" else f"the reward {self.reward_model} on {self.number} prompts"
        held = ", which holds however often one looked" if self.every_look else ""
        interval = f"95 % interval {self.low:.2f} to {self.high:.2f}{held}"
        return f"{self.newer} is preferred to {self.older} in {self.share:.2f} ({interval}), by {by}"


def begin(db: Database, run: Run, *, seed: int, by: str) -> Evaluation:
    """Store the evaluation that an evaluate run was queued with, in the transaction of the queueing.

    Raises CannotEvaluate, InvalidInput.
    """
    require_sides(db, run.config)
    blind, sides = run.config["blind"], _sides(db, run.config)
    return evaluations.start(
        db,
        sides,
        run_id=run.id,
        wanted=int(blind["judgments"]),
        stop_rule=blind["stop_rule"],
        error=float(blind["error"]),
        seed=seed,
        by=by,
    )


def sides_of(db: Database, names: list[str]) -> list[Policy]:
    """The policies named, by name or id; none: the current one and its parent. Raises CannotEvaluate, InvalidInput."""
    if names:
        return list({policy.id: policy for policy in (writer(db, name) for name in names)}.values())
    newer, older = current_and_parent(db)
    return [older, newer]


def require_sides(db: Database, config: Mapping[str, Any]) -> None:
    """Raises CannotEvaluate or InvalidInput where an evaluate run with these settings would have no sides or no
    prompts, or a blind one too few sides, or nothing to tell the best of several texts by."""
    sides, blind = _sides(db, config), config["blind"]
    if (config["split"] == "holdout" or blind["judgments"]) and not prompts.count(db, "holdout"):
        raise CannotEvaluate("There are no held-out prompts to judge policies on. Import more prompts.")
    if blind["judgments"]:
        evaluations.require_number(sides)
        if blind["best_of"] and reward_models.latest(db) is None:
            raise CannotEvaluate(
                "The best of several texts is the best by the reward, and there is no reward model yet."
            )


def require_gate(db: Database, config: Mapping[str, Any]) -> None:
    """Raises CannotEvaluate where it is known before an evaluate run that `gate` could say nothing behind it."""
    newer, older = current_and_parent(db)
    said = result_of(db, newer.name, older.name)
    if said.share is not None and said.judgments >= FEWEST_BLIND:
        return
    named = {policy.id for policy in sides_of(db, config["policies"])}
    if missing := [policy.name for policy in (newer, older) if policy.id not in named]:
        raise CannotEvaluate(
            f"The gate looks at {newer.name} against {older.name}, and {missing[0]} is not among the policies: leave "
            "`policies` out."
        )
    if config["reward_model"] is None and reward_models.latest(db) is None:
        raise _nothing_to_go_by(said, newer, older)


def _nothing_to_go_by(said: PolicyResult, newer: Policy, older: Policy) -> CannotEvaluate:
    return CannotEvaluate(
        f"{said.judgments} blind judgments of {newer.name} and {older.name} ({FEWEST_BLIND} are needed), and no reward "
        "model to go by. Judge more, or train a reward."
    )


def _sides(db: Database, config: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The sides of a blind evaluation: policy id, and of how many texts the best by the reward is taken."""
    blind = config["blind"]
    sides = [(policy.id, 1) for policy in sides_of(db, config["policies"])]
    best_of = [(writer(db, name).id, int(blind["best_of_texts"])) for name in blind["best_of"]]
    return list(dict.fromkeys([*sides, *best_of]))


def current_and_parent(db: Database) -> tuple[Policy, Policy]:
    """The current policy and the one that it was trained from. Raises CannotEvaluate where it is the base."""
    current = policies.current(db)
    if current is None or current.parent_id is None:
        others = [policy.name for policy in policies.listing(db) if policy.folder is not None]
        if current is None or not others:
            raise CannotEvaluate("There is only the base so far, and nothing to compare it with. Train a policy first.")
        raise CannotEvaluate(
            f"The current policy is {current.name}, which has no parent to be compared with. Name two policies "
            f"(policies={current.name},{others[-1]}), or make another one current (policy use)."
        )
    return current, policies.get(db, current.parent_id)


def after_answer(db: Database, comparison_id: int) -> None:
    """Unseal the evaluation that an answer belongs to, where it was the last that was wanted or that can come, or the
    rule decides.

    In the transaction of the answer. The sequential rule looks after each of the first answers, later less often: it
    holds however often one looks, and an answer must not wait.
    """
    evaluation = evaluations.sealed_of(db, comparison_id)
    if evaluation is not None:
        evaluations.ask_anew(db, comparison_id)
        _unseal_where_over(db, evaluation, every_time=False)


def look_again(db: Database) -> None:
    """Unseal each evaluation that is over now: after anything but an answer changed what counts in it (an import, one
    that was taken back, somebody who counts again).
    """
    with db.transaction():
        evaluations.ask_anew(db)
        for evaluation in evaluations.sealed(db):
            _unseal_where_over(db, evaluation, every_time=True)


def _unseal_where_over(db: Database, evaluation: Evaluation, *, every_time: bool) -> None:
    progress = evaluations.progress(db, evaluation.id)
    judged = progress.judged
    looks = judged > 0 and (every_time or judged % max(1, judged // LOOKS) == 0)
    if evaluation.stop_rule == "sequential" and looks:
        scores = scores_by_pair(evaluations.judged(db, evaluation.id))
        if stop_rule.all_decided(scores, len(evaluation.sides), error=evaluation.error, wanted=evaluation.wanted):
            evaluations.unseal(db, evaluation.id, why="sequential", by=BY_RULE)
            return
    if judged >= evaluation.wanted:
        evaluations.unseal(db, evaluation.id, why="count", by=BY_RULE)
    elif progress.used_up:
        evaluations.unseal(db, evaluation.id, why="exhausted", by=BY_RULE)


def decide_held_back(db: Database, public_id: str, *, serve: bool, by: str) -> None:
    """A lead's decision about a pair that was held back; the last one of an evaluation that is kept out ends it.

    Raises InvalidInput for a pair that does not wait.
    """
    with db.transaction():
        held_back.decide(db, public_id, serve=serve, by=by)
        after_answer(db, comparisons.get(db, public_id).id)


def end_without_pairs(db: Database, lease: Lease, evaluation_id: int) -> bool:
    """End an evaluation whose run could make no pair: all texts of the sides were equal. Tells whether it did. Raises
    LeaseLost.
    """
    with db.transaction():
        fence(db, lease)
        empty = evaluations.get(db, evaluation_id).sealed and evaluations.progress(db, evaluation_id).made == 0
        if empty:
            evaluations.unseal(db, evaluation_id, why="exhausted", by=BY_RULE)
        return empty


@dataclass(frozen=True)
class Regression:
    """A pair in which the older side's text was preferred to the newer one's. `strength` 1 to 3, where it was said."""

    comparison_id: int
    strength: int | None


def regressions(db: Database, evaluation_id: int, older: int, newer: int) -> list[Regression]:
    """Where the newer side did worse, the clearest first: by how much better people said the older text is. Pairs with
    a text that another evaluation seals are left out.

    Raises CannotEvaluate while the evaluation is sealed.
    """
    evaluation = evaluations.get(db, evaluation_id)
    if evaluation.sealed:
        raise CannotEvaluate(f"Evaluation {evaluation_id} is sealed: nobody is told who wrote what before its end.")
    judged = evaluations.judged(db, evaluation_id)
    elsewhere = seals.among(db, [one.comparison_id for one in judged])
    found = []
    for one in judged:
        if one.comparison_id in elsewhere:
            continue
        won, lost = (one.first, one.second) if one.outcome == "first" else (one.second, one.first)
        if one.outcome != "tie" and (won, lost) == (older, newer):
            found.append(Regression(one.comparison_id, one.strength))
    return sorted(found, key=lambda one: (-(one.strength or 0), one.comparison_id))


def gate(db: Database, run: Run) -> Gate:
    """Whether the current policy does better than its parent: by people where at least FEWEST_BLIND judged the two
    blind and it is not sealed, else by the rewards of an evaluate run. Raises CannotEvaluate.
    """
    from rounds.round_report import evaluated  # it brings the tastes, which no page needs

    newer, older = current_and_parent(db)
    said = result_of(db, newer.name, older.name)
    if said.share is not None and said.judgments >= FEWEST_BLIND:
        every_look = said.interval == "every look"
        return Gate(newer.name, older.name, "blind", None, said.share, said.low, said.high, said.judgments, every_look)
    result: Mapping[str, Any] = run.result or {}
    missing = [name for name in (newer.name, older.name) if name not in result.get("policies", {})]
    if missing:
        raise CannotEvaluate(
            f"The gate looks at {newer.name} against {older.name}; run {run.id} did not evaluate {missing[0]}. "
            "Leave `policies` out."
        )
    if result.get("reward_model") is None:
        raise _nothing_to_go_by(said, newer, older)
    found, rewards = evaluated(db, run)
    scores: list[dict[int, list[float]]] = [{}, {}]
    for one in found:
        for side, policy in zip(scores, (newer, older), strict=True):
            if one.policy_id == policy.id:
                side.setdefault(one.prompt_id, []).append(rewards[one.id])
    share = statistics.preferred_share(scores[0], scores[1], seed=0)
    return Gate(newer.name, older.name, "reward", result["reward_model"], share.value, share.low, share.high, share.n)


def writer(db: Database, name: str) -> Policy:
    """A policy that can write, by its name or id. Raises InvalidInput, and CannotEvaluate for an external one."""
    is_id = name.isdecimal() and len(name) <= LONGEST_ID
    return with_weights(policies.get(db, int(name)) if is_id else policies.by_name(db, name))


def with_weights(policy: Policy) -> Policy:
    """The policy. Raises CannotEvaluate for an external one."""
    if policy.kind == "external":
        raise CannotEvaluate(f"{policy.name} wrote imported texts only; there are no weights to sample from.")
    return policy
