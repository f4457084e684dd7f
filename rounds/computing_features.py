"""Features of completions, computed by the worker where they are not kept yet, and kept from then on.

The base never changes, so neither do they. Missing ones are computed in chunks of a fixed order, each kept whole: a
run that was cut goes on at the next chunk, with the same numbers to the last bit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from feedback_store import features, prompts
from feedback_store.completions import NewCompletion
from feedback_store.features import Vector
from reward_training.model import RewardModel
from reward_training.records import Text
from reward_training.settings import RewardSettings
from rounds.context import RunContext
from rounds.kept_features import key_of, set_name
from rounds.texts import text_of

CHUNK = 256


def features_of(
    context: RunContext, model: RewardModel, texts: Sequence[Text], settings: RewardSettings, keep: Collection[str]
) -> Vector:
    """(N, D) features of texts by a model whose adapter is untouched; those of the keys in `keep` are kept.

    What people wrote themselves is not among these: its features would outlive its erasure.
    """
    name = set_name(context.db, settings)
    assert name is not None  # the base was registered when the worker started
    keys = [key_of(text) for text in texts]
    known = features.get(context.db, name, keys)
    by_key = dict(zip(keys, texts, strict=True))
    missing = [key for key in by_key if key not in known]
    for own in (True, False):  # apart, so that the chunks that are kept are the same at each attempt
        part = [key for key in missing if (key in keep) == own]
        for start in range(0, len(part), CHUNK):
            chunk = part[start : start + CHUNK]
            new = compute(model, [by_key[key] for key in chunk])
            vectors = dict(zip(chunk, new, strict=True))
            if own:
                features.put(context.db, name, vectors, lease=context.lease)
            known |= vectors
            context.check()
    return np.stack([known[key] for key in keys]) if texts else np.zeros((0, model.width), dtype=np.float32)


def features_of_drawn(context: RunContext, drawn: Sequence[NewCompletion]) -> list[tuple[str, Vector]]:
    """Key and features of each of these completions, which were just drawn."""
    prompt_ids = sorted({one.prompt_id for one in drawn})
    known = {prompt.id: prompt for prompt in prompts.listing(context.db, ids=prompt_ids)}
    texts = [text_of(known[one.prompt_id], one, context.study) for one in drawn]
    vectors = compute(context.models.untouched_reward, texts) if texts else ()
    return list(zip(map(key_of, texts), vectors, strict=True))


def keep(context: RunContext, vectors: Mapping[str, Vector]) -> None:
    """Keep features under default settings, as the web process reads them."""
    name = set_name(context.db)
    assert name is not None
    features.put(context.db, name, vectors, lease=context.lease)


def compute(model: RewardModel, texts: Sequence[Text]) -> Vector:
    """(N, D) features of texts, without a look at what is kept."""
    return np.asarray(model.all_features(texts).cpu().numpy(), dtype=np.float32)
