"""Samples of the current policy to look at: eight of each of a few held-out prompts, drawn once a policy.

The worker draws them when it samples, so that they are there for the first judgments already; "your taste so far"
shows the best and the worst of each prompt (rounds/latest_taste.py).
"""

from __future__ import annotations

from feedback_store import policies
from feedback_store.completions import Completion
from reward_training.settings import RewardSettings
from rounds.computing_features import features_of
from rounds.context import RunContext
from rounds.drawing import Wanted, complete
from rounds.drawn_alike import draw_seed
from rounds.kept_features import key_of
from rounds.prompts_looked_at import TASTE_SAMPLES, TASTE_SEED, taste_prompts
from rounds.texts import text_of


def taste_samples(context: RunContext, number: int) -> list[tuple[Wanted, Completion]]:
    """The current policy's samples on `number` prompts, drawn where they are not stored, with features kept."""
    writer = policies.current(context.db)
    assert writer is not None  # the base was registered when the worker started
    chosen = taste_prompts(context.db, number)
    seed = draw_seed(context.db, context.study, TASTE_SEED)
    wanted = [Wanted(prompt, writer, seed, place) for prompt in chosen for place in range(TASTE_SAMPLES)]
    drawn = complete(context, wanted, phase="sampling for your taste so far")
    texts = [text_of(one.prompt, completion, context.study) for one, completion in zip(wanted, drawn, strict=True)]
    keys = {key_of(text) for text in texts}
    features_of(context, context.models.untouched_reward, texts, RewardSettings(), keys)
    return list(zip(wanted, drawn, strict=True))
