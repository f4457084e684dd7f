"""Every number that the console's Home shows, by name: its value, and the rows or other figures that it comes from.

A figure either adds up from rows (their sum, or their mean by weight; or it is the latest of them), or is derived from
other figures by a rule. The page shows both on demand, and a test walks all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from feedback_store import (
    behind_figures,
    judged_policies,
    policies,
    preferences,
    reward_models,
    run_records,
    shared_judgments,
)
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.reward_models import RewardModel
from reward_training.human_ceiling import same_share, unordered
from rounds.latest_taste import Scored, Taste
from rounds.loop_state import HOLDOUT_SERIES, LoopState
from rounds.next_step import FEWEST_JUDGMENTS, FIRST_JUDGMENTS, STEADY_JUDGMENTS

How = Literal["sum", "mean", "low", "high", "latest", "most", "least", "derived"]
Row = dict[str, Any]
MOST_ROWS = 100
HALF = 1.96  # of a standard deviation: half of a 95 % interval
POLICY_READINGS = ("score", "kl_nats", "length_tokens", "entropy_nats")


@dataclass(frozen=True)
class Figure:
    """A number. `rows(after, limit)` gives what it adds up from, `inputs` the figures that it is derived from."""

    name: str
    value: float | None
    how: How
    rows: Callable[[int, int], list[Row]] | None = None
    inputs: tuple[str, ...] = ()
    rule: str = ""
    as_of: str | None = None


def figures(db: Database, state: LoopState, people: dict[str, Any] | None, taste: Taste) -> dict[str, Figure]:
    """All figures of Home. `people`: the figures about people that were computed last (rounds.people_figures); `taste`:
    what is shown of the reward's taste (rounds.latest_taste).
    """
    found = [
        *_counts(db, state),
        *_of_reward(db, state),
        *_ceiling(db),
        *_of_policy_run(db, state),
        *_of_result(db, state),
        *_of_taste(db, taste),
        *_agreement(db, people),
    ]
    named = {figure.name: figure for figure in found}
    return named | {figure.name: figure for figure in _advice(named)}


def rows_of(figure: Figure, after: int, limit: int) -> list[Row]:
    """The rows behind a figure, with an id above `after`. Raises InvalidInput for one that is derived."""
    if figure.rows is None:
        raise InvalidInput(f"{figure.name} has no rows of its own: it comes from {', '.join(figure.inputs)}.")
    return figure.rows(after, min(limit, MOST_ROWS))


def _counts(db: Database, state: LoopState) -> list[Figure]:
    pairs, counts = state.pairs, state.prompts
    reward = reward_models.latest(db)
    seen = behind_figures.latest_seen(db, reward.run_id) if reward else 0

    def judgments(first: int) -> Callable[[int, int], list[Row]]:
        return lambda after, limit: behind_figures.training_judgments(db, max(after, first), limit)

    def compared(which: str) -> Callable[[int, int], list[Row]]:
        return lambda after, limit: behind_figures.comparisons(db, which, after, limit)

    def asked(split: str) -> Callable[[int, int], list[Row]]:
        return lambda after, limit: behind_figures.prompts(db, split, after, limit)

    return [
        Figure("prompts.train", counts.train, "sum", asked("train")),
        Figure("prompts.holdout", counts.holdout, "sum", asked("holdout")),
        Figure("pairs.ready", pairs.ready, "sum", compared("ready")),
        Figure("pairs.leased", pairs.leased, "sum", compared("leased")),
        Figure("pairs.judged", pairs.judged, "sum", compared("judged")),
        Figure("judgments.all", pairs.judged_total, "sum", judgments(0)),
        Figure("judgments.new", pairs.since_reward, "sum", judgments(seen)),
        Figure("round", state.round, "latest", lambda after, limit: _rounds(db, after, limit)),
    ]


def _rounds(db: Database, after: int, limit: int) -> list[Row]:
    """The rounds by number. A study that nobody has sampled for yet is in its first, which has no row."""
    rows = behind_figures.rounds(db, after, limit)
    if not rows and after == 0:
        rows = [{"id": 1, "weight": 1.0, "kind": "round", "number": 1, "text": ""}]
    return [{**row, "amount": row["number"]} for row in rows]


def _of_reward(db: Database, state: LoopState) -> list[Figure]:
    model = reward_models.latest(db)
    if model is None or state.reward is None:
        return []
    reward = state.reward

    def decided(column: str) -> Callable[[int, int], list[Row]]:
        return lambda after, limit: _readings(db, model, column)[after : after + limit]

    def count(after: int, limit: int) -> list[Row]:
        return [{**row, "amount": row["weight"]} for row in _readings(db, model, "differences")[after : after + limit]]

    def trained_on(after: int, limit: int) -> list[Row]:
        return behind_figures.judged_preferences(db, model.run_id, after, limit)

    def lead(after: int, limit: int) -> list[Row]:
        both = zip(_readings(db, model, "differences"), _readings(db, model, "length_differences"), strict=True)
        return [{**own, "amount": own["amount"] - longer["amount"]} for own, longer in both][after : after + limit]

    right = decided("differences")
    return [
        Figure("reward.judgments", reward.judgments, "sum", trained_on),
        Figure("reward.decided", reward.decided, "sum", count),
        Figure("reward.accuracy", reward.accuracy, "mean", right),
        Figure("reward.low", reward.low, "low", right),
        Figure("reward.high", reward.high, "high", right),
        Figure("reward.length_baseline", reward.length_baseline, "mean", decided("length_differences")),
        Figure("reward.lead", reward.lead, "mean", lead),
        Figure("reward.lead_low", reward.lead_low, "low", lead),
        Figure(
            "reward.half",
            None if reward.low is None or reward.high is None else (reward.high - reward.low) / 2,
            "derived", inputs=("reward.low", "reward.high"), rule="(high - low) / 2",
        ),
        Figure(
            "reward.more", reward.more_judgments, "derived",
            inputs=("reward.accuracy", "reward.low", "reward.lead", "reward.lead_low", "reward.decided"),
            rule="decided max((accuracy - low) / (accuracy - 1/2), (lead - lead_low) / lead)^2 - decided,"
            " / share of held-out questions",
        ),
    ]  # fmt: skip


def _readings(db: Database, model: RewardModel, column: str) -> list[Row]:
    """The held-out pairs of a reward's snapshot that chance drew: whether it (or "longer wins") says what the person
    said. A tie decides nothing and weighs nothing; it stands there because the interval draws prompts that have only
    ties, too.
    """
    kept = run_records.metrics(db, model.run_id, HOLDOUT_SERIES)
    if not kept:
        return []
    readings: dict[str, Any] = kept[0].values
    known = behind_figures.prompts_of_judgments(db, readings["judgments"])
    rows: list[Row] = []
    for judgment, outcome, difference in zip(
        readings["judgments"], readings["outcomes"], readings[column], strict=True
    ):
        group, text = known[judgment]
        signed = difference if outcome == "first" else -difference
        amount = 0.5 if signed == 0 else float(signed > 0)
        weight = float(outcome != "tie")
        row = {"id": len(rows) + 1, "amount": amount * weight, "weight": weight, "kind": "judgment", "number": judgment}
        rows.append({**row, "text": text, "group": group})
    return rows


def _ceiling(db: Database) -> list[Figure]:
    """The best accuracy that any reward could show, from the agreement of two people on what the reward saw."""
    model = reward_models.latest(db)
    known = (model.metrics.get("ceiling") or {}) if model else {}
    if model is None or known.get("ceiling") is None:
        return []

    def rows(after: int, limit: int) -> list[Row]:
        return _agreements(db, model)[after : after + limit]

    return [
        Figure("reward.agreement", known["agreement"], "mean", rows),
        Figure(
            "reward.ceiling", known["ceiling"], "derived", inputs=("reward.agreement",),
            rule="1/2 + 1 / (4^a a B(a, a)), a = (1 - A) / (2A - 1), A the agreement, B the beta function",
        ),
    ]  # fmt: skip


def _agreements(db: Database, model: RewardModel) -> list[Row]:
    """The pairs of completions that several people decided, as the reward saw them: how many pairs of two of these
    people prefer the same. One that was asked in several comparisons goes by the first."""
    seen = preferences.derive(db, run_records.judgments_of(db, model.run_id))
    votes: dict[tuple[int, int], dict[int, bool]] = {}
    asked: dict[tuple[int, int], int] = {}
    for one in seen:
        if one.first_id is not None and one.at_random and one.outcome != "tie":
            pair, won = unordered(one.first_id, one.second_id, one.outcome == "first")
            votes.setdefault(pair, {})[one.annotator_id] = won
            asked.setdefault(pair, one.comparison_id)
    shared = [(pair, list(of_pair.values())) for pair, of_pair in votes.items() if len(of_pair) > 1]
    return [
        {"id": place, "amount": same_share(of_pair), "weight": 1.0, "kind": "comparison", "number": asked[pair]}
        | {"text": f"{sum(of_pair)} : {len(of_pair) - sum(of_pair)}"}
        for place, (pair, of_pair) in enumerate(shared, start=1)
    ]


def _of_policy_run(db: Database, state: LoopState) -> list[Figure]:
    """Means over the samples of the last step within the budget: one row of the run's readings a step."""
    made = state.policy_run
    if made is None:
        return []

    def steps(name: str) -> Callable[[int, int], list[Row]]:
        value = getattr(made, name)
        rows: list[Row] = [
            {"id": metric.step + 1, "amount": metric.values.get(name), "weight": 1.0}
            | {"kind": "run", "number": made.run_id, "text": str(metric.step)}
            for metric in run_records.metrics(db, made.run_id, "steps")
            if metric.values.get(name) is not None
        ]
        # Behind the budget a run stops: the step that was kept is the last one with this value.
        last = max((place for place, row in enumerate(rows) if row["amount"] == value), default=-1)
        return lambda after, limit: [row for row in rows[: last + 1] if int(row["id"]) > after][:limit]

    return [Figure(f"policy_run.{name}", getattr(made, name), "latest", steps(name)) for name in POLICY_READINGS]


def _of_result(db: Database, state: LoopState) -> list[Figure]:
    """New against old, judged blind: a row a judgment (of a ranking of several texts, a row a pair)."""
    result = state.result
    if result is None:
        return []
    newer, older = (policies.by_name(db, name).id for name in (result.newer, result.older))

    def rows(after: int, limit: int) -> list[Row]:
        return _judged(db, newer, older)[after : after + limit]

    def only(amount: float) -> Callable[[int, int], list[Row]]:
        def chosen(after: int, limit: int) -> list[Row]:
            fit = [row for row in _judged(db, newer, older) if row["amount"] == amount and row["id"] > after]
            return [{**row, "amount": row["weight"]} for row in fit][:limit]

        return chosen

    counted = ("result.wins", "result.ties", "result.losses")
    return [
        *(
            Figure(name, value, "sum", only(amount))
            for name, value, amount in zip(
                counted, (result.wins, result.ties, result.losses), (1.0, 0.5, 0.0), strict=True
            )
        ),
        Figure("result.for_new", result.wins + result.ties / 2, "derived", inputs=counted[:2], rule="wins + ties / 2"),
        Figure("result.of", result.wins + result.ties + result.losses, "derived", inputs=counted, rule="their sum"),
        Figure("result.share", result.share, "mean", rows),
        Figure(
            "result.half", (result.high - result.low) / 2, "derived", inputs=("result.share", "result.of"),
            rule="half of the 95 % interval (of the sequential rule where an evaluation could end by it; else Wilson's,"
            " by prompt from 10 prompts on)",
        ),
        Figure(
            "result.more", result.more_judgments, "derived", inputs=("result.share", "result.of"),
            rule="until the interval leaves a half, were the share to stay what it is",
        ),
    ]  # fmt: skip


def _judged(db: Database, newer: int, older: int) -> list[Row]:
    pairs = judged_policies.of_two(db, newer, older)
    known = behind_figures.prompts_of_judgments(db, [pair.judgment_id for pair in pairs])
    amounts = {"first": 1.0, "tie": 0.5, "second": 0.0}
    return [
        {"id": place, "amount": amounts[pair.outcome], "weight": pair.weight, "kind": "judgment"}
        | {"number": pair.judgment_id, "text": known[pair.judgment_id][1], "group": known[pair.judgment_id][0]}
        for place, pair in enumerate(pairs, start=1)
    ]


def _of_taste(db: Database, taste: Taste) -> list[Figure]:
    found: list[Figure] = []
    if taste.prompts and taste.judgments is not None:
        absorbed = taste.judgments

        def judged(after: int, limit: int) -> list[Row]:
            ids = list(absorbed[after : after + limit])
            known = behind_figures.prompts_of_judgments(db, ids)
            return [
                {"id": number, "amount": 1.0, "weight": 1.0, "kind": "judgment", "number": judgment}
                | {"text": known[judgment][1]}
                for number, judgment in enumerate(ids, start=after + 1)
            ]

        found.append(Figure("taste.judgments", len(absorbed), "sum", judged))
    for place, (_, scored) in enumerate(taste.prompts, start=1):

        def rows(after: int, limit: int, scored: list[Scored] = scored) -> list[Row]:
            texts = behind_figures.texts(db, [one.completion_id for one in scored])
            made = [
                {"id": number, "amount": one.score, "weight": 1.0, "kind": "completion", "number": one.completion_id}
                | {"text": texts.get(one.completion_id, "")}
                for number, one in enumerate(scored, start=1)
            ]
            return made[after : after + limit]

        ends: list[tuple[str, Scored, How]] = [("best", scored[0], "most"), ("worst", scored[-1], "least")]
        for end, one, how in ends:
            found.append(Figure(f"taste.{place}.{end}", one.score, how, rows))
            if one.deviation is not None:
                rule = "1.96 standard deviations of the score, given these judgments (Laplace's approximation)"
                inputs = ("taste.judgments",)
                found.append(Figure(f"taste.{place}.{end}_half", HALF * one.deviation, "derived", None, inputs, rule))
    return found


def _agreement(db: Database, people: dict[str, Any] | None) -> list[Figure]:
    """How often two people say the same of a pair: what bounds how right a reward can be (human_ceiling.py)."""
    measures = {row["measure"]: row for row in (people or {}).get("agreement", [])}
    raw = measures.get("raw")
    if people is None or raw is None or raw["value"] is None:
        return []

    def rows(after: int, limit: int) -> list[Row]:
        return behind_figures.agreements(db, shared_judgments.frame(db))[after : after + limit]

    return [Figure("people.agreement", raw["value"], "mean", rows, as_of=people["as_of"])]


def _advice(known: dict[str, Figure]) -> list[Figure]:
    """Numbers of the advice on what to do next: how many more judgments, and from how many."""

    def more(name: str, wanted: int, source: str) -> Figure:
        value = max(0.0, wanted - (known[source].value or 0))
        return Figure(name, value, "derived", inputs=(source,), rule=f"{wanted} - {source}")

    return [
        more("advice.first", FIRST_JUDGMENTS, "judgments.new"),
        more("advice.steady", STEADY_JUDGMENTS, "judgments.all"),
        more("advice.known", FIRST_JUDGMENTS, "judgments.all"),
        Figure("advice.fewest", FEWEST_JUDGMENTS, "derived", rule=str(FEWEST_JUDGMENTS)),
    ]


SAID: dict[str, dict[str, str]] = {
    "first_training": {"n": "judgments.all", "more": "advice.steady"},
    "enough": {"n": "judgments.all"},
    "new_judgments": {"new": "judgments.new", "n": "judgments.all"},
    "begin": {"n": "judgments.all", "more": "advice.first"},
    "new_policy": {"n": "judgments.new", "more": "advice.first"},
    "no_judgments": {"n": "judgments.all", "least": "advice.fewest"},
    "few_judgments": {"n": "judgments.all", "more": "advice.known"},
    "reward_unknown": {"n": "reward.decided"},
    "reward_unproven": {"n": "reward.judgments"},
    **{
        code: {
            "accuracy": "reward.accuracy", "half": "reward.half", "n": "reward.decided",
            "baseline": "reward.length_baseline", "more": "reward.more",
        }
        for code in (
            "reward_good", "reward_weak", "reward_no_better", "reward_weak_chance", "reward_no_better_chance",
        )
    },
}  # fmt: skip
"""The figure behind each number of what the next step says, by its code."""
