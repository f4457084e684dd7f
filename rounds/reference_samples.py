"""Samples of the reference policy, on which scores get their zero and unit: stored ones, and new ones where few are."""

from __future__ import annotations

from feedback_store import completions, prompts
from feedback_store.completions import Completion
from feedback_store.policies import Policy
from feedback_store.prompts import Prompt
from rounds.context import RunContext
from rounds.drawing import Wanted, complete
from rounds.drawn_alike import draw_seed, drawn_as_now

MOST_SAMPLES_A_PROMPT = 4  # new ones


def reference_samples(
    context: RunContext, number: int, reference: Policy, *, stored: int = 0
) -> list[tuple[Prompt, Completion]]:
    """At most `number` completions of the reference on training prompts, the empty ones left out; up to `stored` where
    so many are there already, so that none is drawn beyond the number."""
    known = {prompt.id: prompt for prompt in prompts.listing(context.db, split="train")}
    is_alike, seed = drawn_as_now(context.db, context.study), draw_seed(context.db, context.study, 0)
    stored_ones = completions.listing(context.db, policy_id=reference.id)
    chosen = [one for one in stored_ones if one.prompt_id in known and is_alike(one)]
    chosen = chosen[: max(number, stored)]
    missing = max(0, min(number, MOST_SAMPLES_A_PROMPT * len(known)) - len(chosen))
    places = range(MOST_SAMPLES_A_PROMPT)
    passes = [Wanted(prompt, reference, seed, place) for place in places for prompt in known.values()]
    there = {(one.prompt_id, one.seed, one.sample_index) for one in chosen}
    passes = [one for one in passes if (one.prompt.id, one.seed, one.sample_index) not in there]
    chosen += complete(context, passes[:missing], phase="sampling the reference policy")
    return [(known[one.prompt_id], one) for one in chosen if one.text.strip()]
