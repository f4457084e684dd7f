"""New completions, paired into comparisons for people.

The plan (which prompts, which policies) is drawn once and kept in the run's folder, then worked off in fixed batches,
each committed whole: its comparisons can be asked while the next batch is drawn, and an attempt after a kill goes on
behind the last whole batch. Completions that look the same are drawn again twice and then dropped, empty ones too;
reserve prompts make up for what was dropped.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from feedback_store import annotators, comparisons, completions, policies, prompts, rounds, runs
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.features import Vector
from feedback_store.policies import Policy
from feedback_store.prompts import Prompt
from language_models.seeds import completion_seed
from rounds.choosing import Chosen, choose_texts, random_share
from rounds.computing_features import features_of_drawn, keep
from rounds.context import RunContext
from rounds.drawing import Wanted, draw, folded, names_its_writer
from rounds.refreshed_reward import Follower, Refreshed
from rounds.settings import SampleSettings, TrainRewardSettings
from rounds.taste_samples import taste_samples
from rounds.whole_file import write_whole

FIRST_BATCH = 2  # prompts of a fresh study's first batch: the first comparison within seconds
COUNTS = (
    "comparisons", "holdout", "against_previous", "chosen", "held_back", "equal", "empty", "drawn", "cut_off",
)  # fmt: skip
TRIES = 3
RETRY_STRIDE = 1000  # sample indices of second and third tries lie above those of first tries


class NoPrompts(ValueError):
    """There is nothing to sample on."""


@dataclass(frozen=True)
class PlannedPair:
    """Completions to be of one prompt, as many as the study compares: `index` counts this run's on the prompt.
    `chosen`: not by chance, but by the study's rule, out of more completions.
    """

    prompt_id: int
    index: int
    against_previous: bool
    holdout: bool
    chosen: bool = False


@dataclass(frozen=True)
class Plan:
    """What a run does, fixed when it starts."""

    policy_id: int
    previous_id: int | None
    run_seed: int
    first_batch: int
    pairs: list[PlannedPair]
    reserve: list[PlannedPair]


def run(context: RunContext) -> dict[str, Any]:
    """Work off the plan; the result counts comparisons and what was dropped."""
    settings: SampleSettings = context.settings
    plan = _plan(context)
    done = [metric.values for metric in runs.metrics(context.db, context.run.id, "batches")]
    follower = Follower(context.db) if any(pair.chosen for pair in plan.pairs) else None
    while batch := next_batch(plan, done, settings.prompts_per_batch):
        made = _total(done, "comparisons")
        context.between_steps("sampling", step=made, steps=max(len(plan.pairs), made))
        refreshed = follower.look() if follower else None
        done.append(_commit(context, plan, batch, refreshed, number=len(done)))
    totals = {name: _total(done, name) for name in COUNTS}
    writer = policies.get(context.db, plan.policy_id)
    if totals["comparisons"] == 0:
        raise NoPrompts(
            f"{writer.name} wrote nothing to compare: {totals['equal']} pairs were equal, {totals['empty']} empty."
        )
    if totals["equal"] or totals["empty"]:
        context.log(f"Left out: {totals['equal']} pairs of equal and {totals['empty']} of empty completions.")
    if totals["held_back"]:
        context.log(f"Held back until a lead decides: {totals['held_back']} pairs with a text that names its model.")
    context.new_phase()
    taste_samples(context, TrainRewardSettings().taste_prompts)
    return {"policy": writer.name, **totals}


def _total(done: Sequence[dict[str, Any]], name: str) -> int:
    return sum(int(batch.get(name, 0)) for batch in done)  # a version before may have counted less


# -- the plan


def _plan(context: RunContext) -> Plan:
    """The plan kept in the run's folder, drawn at the first attempt."""
    path = context.file("plan.json")
    if path.exists():
        kept = json.loads(path.read_text())
        for name in ("pairs", "reserve"):
            kept[name] = [PlannedPair(**pair) for pair in kept[name]]
        return Plan(**kept)
    settings: SampleSettings = context.settings
    writer = policies.by_name(context.db, settings.policy) if settings.policy else policies.current(context.db)
    assert writer is not None  # the base was registered when the worker started
    asked = comparisons.count_by_prompt(context.db)
    pairs, reserve = plan_pairs(
        prompts.listing(context.db),
        asked,
        pairs=settings.pairs,
        holdout_questions=settings.holdout_questions,
        previous_share=settings.previous_policy_share if writer.parent_id is not None else 0.0,
        by_rule=settings.choosing != "random" and settings.candidates == 2,
        seed=completion_seed(settings.seed, context.run.id, 1),
    )
    if not pairs:
        raise NoPrompts(
            "The study has no prompts to sample on. Import some: `tastemaker import STUDY FILE --format prompts`."
        )
    first = FIRST_BATCH if not asked else settings.prompts_per_batch
    run_seed = completion_seed(settings.seed, context.run.id, 0)  # runs of one study never draw the same completions
    plan = Plan(writer.id, writer.parent_id, run_seed, first, pairs, reserve)
    write_whole(path, json.dumps(asdict(plan)))
    return plan


def plan_pairs(
    everything: Sequence[Prompt],
    asked: Mapping[int, int],
    *,
    pairs: int,
    holdout_questions: float,
    previous_share: float,
    by_rule: bool = False,
    seed: int,
) -> tuple[list[PlannedPair], list[PlannedPair]]:
    """`pairs` on training prompts and on top as many on held-out prompts as make up their share of all, in a drawn
    order; and as many in reserve. Prompts with the fewest comparisons (`asked`) come first, none twice before each
    came once. `by_rule`: those on training prompts are chosen by the study's rule, but for the share that is always
    left to chance, and those against the previous policy.
    """
    generator = random.Random(seed)
    chance = random.Random(f"{seed}/chance")
    share = random_share(holdout_questions) if by_rule else 1.0
    drawn: list[PlannedPair] = []
    reserve: list[PlannedPair] = []
    held_out = round(pairs * holdout_questions / (1 - holdout_questions))
    for split, number in (("train", pairs), ("holdout", held_out)):
        ids = [prompt.id for prompt in everything if prompt.split == split]
        generator.shuffle(ids)
        ids.sort(key=lambda prompt_id: asked.get(prompt_id, 0))
        if not ids:
            continue
        places = [(ids[place % len(ids)], place // len(ids)) for place in range(2 * number)]
        previous = [place < round(number * previous_share) for place in range(number)]
        generator.shuffle(previous)
        made = [
            PlannedPair(prompt_id, index, place < number and previous[place], split == "holdout")
            for place, (prompt_id, index) in enumerate(places)
        ]
        if split == "train" and by_rule:
            made = [replace(pair, chosen=not pair.against_previous and chance.random() >= share) for pair in made]
        drawn += made[:number]
        reserve += made[number:]
    generator.shuffle(drawn)
    return drawn, reserve


def next_batch(plan: Plan, done: Sequence[dict[str, Any]], size: int) -> list[PlannedPair]:
    """The pairs to work on after the batches `done`: the plan's, then as many of the reserve as were dropped."""
    worked = _total(done, "planned")
    if worked < len(plan.pairs):
        return plan.pairs[worked : worked + (plan.first_batch if worked == 0 else size)]
    batch: list[PlannedPair] = []
    for holdout in (False, True):
        wanted = sum(pair.holdout == holdout for pair in plan.pairs)
        made = sum(
            batch_done["holdout"] if holdout else batch_done["comparisons"] - batch_done["holdout"]
            for batch_done in done
        )
        used = _total(done, "reserve_holdout" if holdout else "reserve_training")
        left = [pair for pair in plan.reserve if pair.holdout == holdout][used:]
        batch += left[: wanted - made]
    return batch[:size]


# -- one batch


def _commit(
    context: RunContext, plan: Plan, batch: list[PlannedPair], refreshed: Refreshed | None, *, number: int
) -> dict[str, Any]:
    """Draw a batch and store its completions, its comparisons and its counts in one transaction. With a refreshed
    reward the pairs that are to be chosen are; without one, while there are few judgments, chance chooses them as well.
    """
    drawn = _draw_pairs(context, plan, batch, refreshed)
    usable = [(pair, distinct(texts)) for pair, texts in zip(batch, drawn, strict=True) if _fault(texts) is None]
    told = iter(features_of_drawn(context, [one for _, texts in usable for one in texts]))
    vectors = [[next(told) for _ in texts] for _, texts in usable]
    picks = _picks(context, plan, usable, vectors, refreshed, number)
    asked = [
        (pair, shuffled([texts[place] for place in picks[row][0]] if row in picks else texts, plan, pair))
        for row, (pair, texts) in enumerate(usable)
    ]
    kept = {
        key: vector
        for row, own in enumerate(vectors)
        for place, (key, vector) in enumerate(own)
        if row not in picks or place in picks[row][0]
    }
    named = [names_its_writer(context, texts) for _, texts in asked]
    counts = _counts(plan, batch, drawn, asked) | {"chosen": len(picks), "held_back": sum(named)}
    with context.db.transaction():
        keep(context, kept)
        ids = iter(completions.add(context.db, [one for _, texts in asked for one in texts], lease=context.lease))
        people = annotators.count_active(context.db)
        new = [
            NewComparison(
                prompt_id=pair.prompt_id,
                completion_ids=[next(ids) for _ in texts],
                purpose="training",
                run_id=context.run.id,
                overlap=overlap(context.settings, plan, pair, people),
                priority=rounds.current(context.db).number,  # the newest policy's pairs are asked first
                held_back=held_back,
                **_how_chosen(context.settings, picks.get(row)),
            )
            for row, ((pair, texts), held_back) in enumerate(zip(asked, named, strict=True))
        ]
        comparisons.add(context.db, new, lease=context.lease)
        runs.add_metrics(context.db, context.lease, "batches", number, counts)
    return counts


def _counts(
    plan: Plan,
    batch: list[PlannedPair],
    drawn: list[list[NewCompletion]],
    asked: list[tuple[PlannedPair, list[NewCompletion]]],
) -> dict[str, Any]:
    """What became of a batch: `drawn` for its pairs in their order, of which `asked` could be used."""
    from_reserve = batch[0] in plan.reserve
    return {
        "planned": 0 if from_reserve else len(batch),
        "reserve_training": sum(not pair.holdout for pair in batch) if from_reserve else 0,
        "reserve_holdout": sum(pair.holdout for pair in batch) if from_reserve else 0,
        "comparisons": len(asked),
        "holdout": sum(pair.holdout for pair, _ in asked),
        "against_previous": sum(
            pair.against_previous and any(one.policy_id == plan.previous_id for one in texts) for pair, texts in asked
        ),
        "equal": sum(_fault(texts) == "equal" for texts in drawn),
        "empty": sum(_fault(texts) == "empty" for texts in drawn),
        "drawn": sum(map(len, drawn)),
        "cut_off": sum(one.finish_reason == "length" for texts in drawn for one in texts),
    }


def _picks(
    context: RunContext,
    plan: Plan,
    usable: list[tuple[PlannedPair, list[NewCompletion]]],
    vectors: list[list[tuple[str, Vector]]],
    refreshed: Refreshed | None,
    number: int,
) -> dict[int, tuple[tuple[int, int], Chosen]]:
    """By row the places of the two completions that the study's rule chose."""
    if refreshed is None:
        return {}
    texts = {
        row: np.stack([vector for _, vector in vectors[row]]) for row, (pair, _) in enumerate(usable) if pair.chosen
    }
    generator = np.random.default_rng([plan.run_seed, number])
    return choose_texts(context.settings.choosing, refreshed.directions, refreshed.posterior, texts, generator)


def _how_chosen(settings: SampleSettings, pick: tuple[tuple[int, int], Chosen] | None) -> dict[str, Any]:
    if pick is None:
        return {"chosen_by": "random", "is_random": True}
    said = {"score": pick[1].score, "probability": pick[1].probability}
    return {"chosen_by": settings.choosing, "is_random": False, **said}


def overlap(settings: SampleSettings, plan: Plan, pair: PlannedPair, people: int) -> int:
    """How many people judge a comparison: a share of them, drawn, several; never more than there are."""
    draw = random.Random(f"{plan.run_seed}/{pair.prompt_id}/{pair.index}/overlap").random()
    return max(1, min(settings.overlap, people)) if draw < settings.overlap_share else 1


def shuffled(texts: list[NewCompletion], plan: Plan, pair: PlannedPair) -> list[NewCompletion]:
    """The completions in a drawn order: a place in a comparison must not tell which policy wrote what stands there."""
    order = list(texts)
    random.Random(f"{plan.run_seed}/{pair.prompt_id}/{pair.index}/order").shuffle(order)
    return order


def _draw_pairs(
    context: RunContext, plan: Plan, batch: list[PlannedPair], refreshed: Refreshed | None
) -> list[list[NewCompletion]]:
    """The completions of each planned pair; one that is empty or equal to one before is drawn again, twice at most."""
    writers = _writers(context, plan)
    known = {prompt.id: prompt for prompt in prompts.listing(context.db, ids=[pair.prompt_id for pair in batch])}
    settings: SampleSettings = context.settings
    # Index 0 and 1 of a prompt must not share a draw, however many completions each of them takes.
    stride = settings.candidates if settings.choosing == "random" else max(settings.candidates, settings.choose_from)

    def wanted(place: int, side: int, attempt: int) -> Wanted:
        pair = batch[place]
        policy = writers[1] if side == 1 and pair.against_previous else writers[0]
        sample_index = attempt * RETRY_STRIDE + stride * pair.index + side
        return Wanted(known[pair.prompt_id], policy, plan.run_seed, sample_index)

    drawn: list[list[NewCompletion]] = [[] for _ in batch]
    missing = [
        (place, side)
        for place, pair in enumerate(batch)
        for side in range(settings.choose_from if refreshed and pair.chosen else settings.candidates)
    ]
    for attempt in range(TRIES):
        requests = [wanted(place, side, attempt) for place, side in missing]
        new = draw(context, requests)
        for (place, side), completion in zip(missing, new, strict=True):
            drawn[place][side:] = [completion, *drawn[place][side + 1 :]]
        missing = [(place, side) for place, texts in enumerate(drawn) for side in _to_redraw(texts)]
        if not missing:
            break
    return drawn


def _writers(context: RunContext, plan: Plan) -> tuple[Policy, Policy]:
    writer = policies.get(context.db, plan.policy_id)
    return writer, policies.get(context.db, plan.previous_id) if plan.previous_id is not None else writer


def distinct(texts: Sequence[NewCompletion]) -> list[NewCompletion]:
    """Those that can be compared with each other: no empty one, of equal ones the first."""
    repeated = set(_to_redraw(texts))
    return [completion for side, completion in enumerate(texts) if side not in repeated]


def _fault(texts: Sequence[NewCompletion]) -> str | None:
    """Why completions cannot be compared; None where at least two can."""
    if len(distinct(texts)) >= 2:
        return None
    return "equal" if all(folded(completion.text) for completion in texts) else "empty"


def _to_redraw(texts: Sequence[NewCompletion]) -> list[int]:
    seen: set[str] = {""}
    found = []
    for side, completion in enumerate(texts):
        text = folded(completion.text)
        if text in seen:
            found.append(side)
        seen.add(text)
    return found
