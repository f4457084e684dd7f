"""The texts of a blind evaluation, drawn fresh so that nobody has seen them under a policy's name, and its comparisons.

Each side draws from seeds of its own: with shared ones policies that are nearly alike would write the very same texts,
and with them there is nothing to judge. Where two texts are the same all the same both are drawn again, twice at most;
then the pair is dropped and counted. What all sides write is drawn and stored in one shuffled order, so that neither
the id of a text nor the moment when it was stored tells who wrote it.

The best of n is the text with the highest reward of n that the policy draws: what the reward can reach without any
training of the policy (N. Stiennon et al. 2020, https://arxiv.org/abs/2009.01325, section 4.2).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from feedback_store import evaluations, policies
from feedback_store.comparisons import PRIORITY_OF_EVALUATIONS, NewComparison
from feedback_store.completions import Completion
from feedback_store.evaluations import MOST_SIDES, Evaluation
from feedback_store.prompts import Prompt
from language_models.seeds import completion_seed
from rounds.blind_pairs import PlannedPair, plan
from rounds.context import RunContext
from rounds.drawing import Wanted, complete, folded, names_its_writer
from rounds.evaluating import end_without_pairs

TRIES = 3

Score = Callable[[Sequence[Completion]], Sequence[float]]


class Slot(NamedTuple):
    """A text that a side is to write: `number` counts its texts on a prompt."""

    side: int
    prompt_id: int
    number: int


def ask_people(context: RunContext, evaluation: Evaluation, asked: Sequence[Prompt], score: Score) -> dict[str, Any]:
    """Draw the texts and add the comparisons; returns counts that depend on no judgment. Without one pair of texts that
    differ the evaluation ends.
    """
    by_id = {prompt.id: prompt for prompt in asked}
    planned = plan(list(by_id), len(evaluation.sides), evaluation.wanted, evaluation.seed)
    pairs, held_back = [], 0
    for pair, both in zip(planned, _both_texts(context, evaluation, planned, by_id, score), strict=True):
        if _alike(both):
            continue
        named = names_its_writer(context, both)
        held_back += named
        pairs.append((pair.first, pair.second, _comparison(context, pair, both, held_back=named)))
    made = evaluations.add_pairs(context.db, context.lease, evaluation.id, pairs)
    if made == 0:
        end_without_pairs(context.db, context.lease, evaluation.id)
    return {
        "planned": len(planned),
        "comparisons": made,
        "equal": len(planned) - len(pairs),
        "held_back": held_back,
    }


def _comparison(
    context: RunContext, pair: PlannedPair, both: Sequence[Completion], *, held_back: bool
) -> NewComparison:
    return NewComparison(
        prompt_id=pair.prompt_id,
        completion_ids=[one.id for one in both],
        purpose="evaluation",
        chosen_by="evaluation",
        is_random=True,
        priority=PRIORITY_OF_EVALUATIONS,
        held_back=held_back,
    )


def _both_texts(
    context: RunContext,
    evaluation: Evaluation,
    planned: Sequence[PlannedPair],
    by_id: dict[int, Prompt],
    score: Score,
) -> list[list[Completion]]:
    """The two texts of each pair. Both are drawn again where they are alike: so neither side is favoured by it."""
    found: dict[int, list[Completion]] = {}
    missing = list(range(len(planned)))
    for attempt in range(TRIES):
        slots = {place: _slots(planned[place]) for place in missing}
        texts = _texts(context, evaluation, attempt, {one for both in slots.values() for one in both}, by_id, score)
        found |= {place: [texts[one] for one in both] for place, both in slots.items()}
        missing = [place for place in missing if _alike(found[place])]
        if not missing:
            break
    return [found[place] for place in range(len(planned))]


def _slots(pair: PlannedPair) -> list[Slot]:
    return [Slot(side, pair.prompt_id, pair.index) for side in (pair.first, pair.second)]


def _alike(both: Sequence[Completion]) -> bool:
    return folded(both[0].text) == folded(both[1].text)


def _texts(
    context: RunContext,
    evaluation: Evaluation,
    attempt: int,
    slots: Iterable[Slot],
    by_id: dict[int, Prompt],
    score: Score,
) -> dict[Slot, Completion]:
    """What the sides write, each from its own seed at each attempt; of a side that is the best of several, the best."""
    writers = [policies.get(context.db, side.policy_id) for side in evaluation.sides]
    best_of = [side.best_of for side in evaluation.sides]
    wanted = [
        (slot, Wanted(by_id[slot.prompt_id], writers[slot.side], seed_of(evaluation, slot.side, attempt), sample_index))
        for slot in sorted(slots)
        for sample_index in range(slot.number * best_of[slot.side], (slot.number + 1) * best_of[slot.side])
    ]
    random.Random(f"{evaluation.seed}/{evaluation.id}/{attempt}/order").shuffle(wanted)
    drawn = complete(context, [request for _, request in wanted], phase="sampling the sides")
    to_score = [one for (slot, _), one in zip(wanted, drawn, strict=True) if best_of[slot.side] > 1]
    scores = dict(zip((one.id for one in to_score), score(to_score) if to_score else (), strict=True))
    best: dict[Slot, tuple[float, int, Completion]] = {}
    for (slot, request), one in zip(wanted, drawn, strict=True):
        rank = (scores.get(one.id, 0.0), -request.sample_index)
        if slot not in best or rank > best[slot][:2]:
            best[slot] = (*rank, one)
    return {slot: one for slot, (_, _, one) in best.items()}


def seed_of(evaluation: Evaluation, side: int, attempt: int) -> int:
    """The run seed of what a side draws at an attempt. Below 0 in the last place: sample runs count from 0 there."""
    return completion_seed(evaluation.seed, evaluation.id, -1 - (attempt * MOST_SIDES + side))
