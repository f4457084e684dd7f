"""What people's blind judgments say of policies, computed beside the server (rounds/beside.py): of each evaluation that
is not sealed any more, and of all the study's policies together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from typing import Any, Literal

from feedback_store import clock, evaluations, judged_policies, newest_judgments, person_figures, policies
from feedback_store.database import Database
from feedback_store.evaluations import Evaluation, Judged
from rounds import stop_rule
from rounds.plain import plain
from rounds.policy_results import BlindJudgment, summarise
from rounds.policy_strengths import Fit, JudgedPair, fit

LATEST_EVALUATIONS = 50
MOST_SLICES = 30
FEWEST_OF_A_SLICE = 5
OUTCOMES: dict[str, tuple[Literal["win", "tie", "loss"], Literal["win", "tie", "loss"]]] = {
    "first": ("win", "loss"), "tie": ("tie", "tie"), "second": ("loss", "win"),
}  # fmt: skip


def compute(db: Database) -> dict[str, Any]:
    """{as_of, of: what it was computed of, evaluations: {id: result}, all: {policies: names, ...result}}."""
    return {
        "as_of": clock.now(),
        "of": state(db),
        "evaluations": {str(one.id): _of_evaluation(db, one) for one in _unsealed(db)},
        "all": _of_all(db),
    }


def state(db: Database) -> list[int]:
    """What the figures depend on: the latest judgment, which earlier ones count, how many evaluations are unsealed."""
    behind = newest_judgments.changes_behind(db)
    return [person_figures.latest_judgment(db), *behind, evaluations.count(db, unsealed=True)]


def results(judged: Sequence[Judged], sides: int, *, looked: bool) -> dict[str, Any]:
    """Every two sides (`newer` stands behind `older`), strengths as they are and at equal length, slices. `looked`: an
    evaluation could end because of what is in it, and intervals are for one look all the same.
    """
    pairs = [_as_pair(one) for one in judged]
    plainly, evenly = fit(pairs, sides), fit(pairs, sides, length_term=True)
    two = list(combinations(range(sides), 2))
    return {
        "judgments": len({one.judgment_id for one in judged}),
        "prompts": len({one.prompt_id for one in judged}),
        "pairs": [_of_two(judged, older, newer, evenly, looked) for older, newer in two],
        "strengths": [asdict(one) for one in plainly.strengths],
        "at_equal_length": [asdict(one) for one in evenly.strengths],
        "side_term": asdict(plainly.side) if plainly.side else None,
        "length_term": asdict(evenly.length) if evenly.length else None,
        "tie_share": sum(one.outcome == "tie" for one in judged) / len(judged) if judged else None,
        "slices": _slices(judged, two, looked),
        "looked": looked,
    }


def _unsealed(db: Database) -> list[Evaluation]:
    return [one for one in evaluations.listing(db) if not one.sealed][:LATEST_EVALUATIONS]


def _of_evaluation(db: Database, evaluation: Evaluation) -> dict[str, Any]:
    judged = evaluations.judged(db, evaluation.id)
    looked = evaluation.stop_rule == "sequential"
    found = results(judged, len(evaluation.sides), looked=looked)
    if looked:
        _hold_at_every_look(evaluation, judged, found["pairs"])
    return dict(plain(found))


def _hold_at_every_look(evaluation: Evaluation, judged: Sequence[Judged], pairs: list[dict[str, Any]]) -> None:
    """The intervals of an evaluation that may have ended because of what was seen are those that hold at every look:
    the confidence sequence of the very boundary that it stops at, each two sides with their share of the error.
    """
    scores = stop_rule.scores_by_pair(judged)
    for pair in pairs:
        said = [replace(one, value=1 - one.value) for one in scores.get((pair["older"], pair["newer"]), [])]
        low, high = stop_rule.confidence(
            said, error=evaluation.error / len(pairs), wanted=-(-evaluation.wanted // len(pairs))
        )
        pair |= {"low": low, "high": high, "interval": "every look", "cannot_tell": low <= 0.5 <= high, "looked": False}
        pair["error"] = evaluation.error  # of all pairs together
        pair["more_judgments"] = (pair["more_judgments"] or None) if pair["cannot_tell"] else 0


def _of_all(db: Database) -> dict[str, Any]:
    """All policies of the study that people compared: sides by their place in `policies`."""
    judged = judged_policies.among_own(db)
    met = sorted({policy for one in judged for policy in (one.first, one.second)})
    place = {policy: number for number, policy in enumerate(met)}
    names = {policy.id: policy.name for policy in policies.listing(db)}
    looked = judged_policies.ended_by_looking(db, met) is not None
    moved = [replace(one, first=place[one.first], second=place[one.second]) for one in judged]
    return {"policies": [names[policy] for policy in met], **plain(results(moved, len(met), looked=looked))}


def _as_pair(one: Judged) -> JudgedPair:
    left = 0 if one.first_shown_on_left is None else 1 if one.first_shown_on_left else -1
    return JudgedPair(one.prompt_id, one.first, one.second, one.outcome, left, one.characters, one.weight)


def _of_two(judged: Sequence[Judged], older: int, newer: int, evenly: Fit, looked: bool) -> dict[str, Any]:
    said = _said(judged, older, newer)
    share = evenly.share(newer, older) if said and evenly.length else None
    return {"older": older, "newer": newer, **asdict(summarise(said, looked=looked)), "share_at_equal_length": share}


def _said(judged: Sequence[Judged], older: int, newer: int) -> list[BlindJudgment]:
    """The judgments of two sides, from the newer one's."""
    found = []
    for one in judged:
        if {one.first, one.second} == {older, newer}:
            own_first = one.first == newer
            shown = one.first_shown_on_left
            outcome = OUTCOMES[one.outcome][0 if own_first else 1]
            first = None if shown is None else shown == own_first
            found.append(BlindJudgment(one.judgment_id, one.prompt_id, one.held_out, outcome, first, one.weight))
    return found


def _slices(judged: Sequence[Judged], two: Sequence[tuple[int, int]], looked: bool) -> list[dict[str, Any]]:
    """Every two sides on the prompts of each language, where there are several, and of each tag."""
    languages = sorted({one.language for one in judged})
    tags = sorted({tag for one in judged for tag in one.tags})
    wanted: list[tuple[str, str, Callable[[Judged], bool]]] = [
        *(("language", name, lambda one, name=name: one.language == name) for name in languages if len(languages) > 1),
        *(("tag", name, lambda one, name=name: name in one.tags) for name in tags),
    ]
    found = []
    for kind, name, belongs in wanted:
        part = [one for one in judged if belongs(one)]
        for older, newer in two:
            said = summarise(_said(part, older, newer), looked=looked)
            if said.judgments >= FEWEST_OF_A_SLICE:
                found.append({"kind": kind, "name": name, "older": older, "newer": newer, **asdict(said)})
    return sorted(found, key=lambda row: -row["judgments"])[:MOST_SLICES]
