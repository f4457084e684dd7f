"""Samples of the reference policy, on which scores get their zero and unit: stored ones, and new ones where few are."""

from __future__ import annotations

from feedback_store import completions, policies, prompts
from feedback_store.completions import Completion
from feedback_store.prompts import Prompt
from rounds.context import RunContext
from rounds.drawing import Wanted, complete

MOST_SAMPLES_A_PROMPT = 4  # new ones


def reference_samples(context: RunContext, number: int) -> list[tuple[Prompt, Completion]]:
    """At most `number` completions of the base on training prompts, the empty ones left out."""
    base = policies.base(context.db)
    assert base is not None  # registered when the worker starts
    known = {prompt.id: prompt for prompt in prompts.listing(context.db, split="train")}
    chosen = [one for one in completions.listing(context.db, policy_id=base.id) if one.prompt_id in known][:number]
    missing = max(0, min(number, MOST_SAMPLES_A_PROMPT * len(known)) - len(chosen))
    passes = [Wanted(prompt, base, 0, place) for place in range(MOST_SAMPLES_A_PROMPT) for prompt in known.values()]
    chosen += complete(context, passes[:missing], phase="sampling the reference policy")
    return [(known[one.prompt_id], one) for one in chosen if one.text.strip()]
