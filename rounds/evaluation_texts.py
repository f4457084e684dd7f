"""The texts of a blind evaluation, drawn fresh so that nobody has seen them under a policy's name, and its comparisons.

The best of n is the text with the highest reward of n that the policy draws: what the reward can reach without any
training of the policy (N. Stiennon et al. 2020, https://arxiv.org/abs/2009.01325, section 4.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from feedback_store import evaluations, policies, rounds
from feedback_store.comparisons import NewComparison
from feedback_store.completions import Completion
from feedback_store.evaluations import Evaluation, Side
from feedback_store.prompts import Prompt
from language_models.seeds import completion_seed
from rounds.blind_pairs import PlannedPair, plan
from rounds.context import RunContext
from rounds.drawing import Wanted, complete, folded, names_its_writer

BEST_OF_FIRST = 1_000_000
"""Sample indices of what a best is taken from lie above those of plain texts, so that the two never share a text."""

Score = Callable[[Sequence[Completion]], Sequence[float]]


def ask_people(context: RunContext, evaluation: Evaluation, asked: Sequence[Prompt], score: Score) -> dict[str, Any]:
    """Draw the texts and add the comparisons; returns counts that depend on no judgment."""
    by_id = {prompt.id: prompt for prompt in asked}
    planned = plan(list(by_id), len(evaluation.sides), evaluation.wanted, evaluation.seed)
    texts = {side: _texts(context, evaluation, side, planned, by_id, score) for side in range(len(evaluation.sides))}
    pairs, held_back = [], 0
    for pair in planned:
        both = [texts[side][pair.prompt_id, pair.index] for side in (pair.first, pair.second)]
        if folded(both[0].text) == folded(both[1].text):
            continue
        named = names_its_writer(context, both)
        held_back += named
        pairs.append((pair.first, pair.second, _comparison(context, pair, both, held_back=named)))
    made = evaluations.add_pairs(context.db, context.lease, evaluation.id, pairs)
    return {"comparisons": made, "equal": len(planned) - len(pairs), "held_back": held_back}


def _comparison(
    context: RunContext, pair: PlannedPair, both: Sequence[Completion], *, held_back: bool
) -> NewComparison:
    return NewComparison(
        prompt_id=pair.prompt_id,
        completion_ids=[one.id for one in both],
        purpose="evaluation",
        chosen_by="evaluation",
        is_random=True,
        # Somebody waits for the result: before the round's own pairs.
        priority=rounds.current(context.db).number + 1,
        held_back=held_back,
    )


def _texts(
    context: RunContext,
    evaluation: Evaluation,
    place: int,
    planned: Sequence[PlannedPair],
    by_id: dict[int, Prompt],
    score: Score,
) -> dict[tuple[int, int], Completion]:
    """A side's text by prompt and index."""
    side: Side = evaluation.sides[place]
    policy = policies.get(context.db, side.policy_id)
    keys = sorted({(pair.prompt_id, pair.index) for pair in planned if place in (pair.first, pair.second)})
    seed = completion_seed(evaluation.seed, evaluation.id, 0)
    first = 0 if side.best_of == 1 else BEST_OF_FIRST * side.best_of
    wanted = [
        Wanted(by_id[prompt_id], policy, seed, first + index * side.best_of + draw)
        for prompt_id, index in keys
        for draw in range(side.best_of)
    ]
    found = complete(context, wanted, phase="sampling the sides")
    if side.best_of == 1:
        return dict(zip(keys, found, strict=True))
    scores = score(found)
    best: dict[tuple[int, int], Completion] = {}
    for number, key in enumerate(keys):
        own = range(number * side.best_of, (number + 1) * side.best_of)
        best[key] = found[max(own, key=lambda row: (scores[row], -row))]
    return best
