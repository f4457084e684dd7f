"""A study whose completions have features that a reward can be read off, without any model."""

import numpy as np

from feedback_store import annotators, comparisons, completions, features, judgments, policies, prompts
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt
from language_models.seeds import completion_seed
from rounds import kept_features, studies
from rounds.prompts_looked_at import TASTE_SAMPLES, TASTE_SEED, taste_prompts
from rounds.texts import text_of

WIDTH = 9


def fill(db: Database, pairs: int, holdout: int = 4) -> list[int]:
    """A base, `pairs` comparisons of two texts on training prompts, held-out prompts with eight samples; nothing is
    judged. Returns the comparisons. A text's first feature is its number of x."""
    base = policies.add_base(db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
    new = [NewPrompt(prompts.from_text(f"Question {number}?"), split="train") for number in range(pairs)]
    new += [NewPrompt(prompts.from_text(f"Held out {number}?"), split="holdout") for number in range(holdout)]
    ids = prompts.add(db, new, holdout_share=0.2, seed=0).ids
    draw = np.random.default_rng(0)
    made = []
    for number, prompt_id in enumerate(ids[:pairs]):
        texts = [f"{number} {'x' * int(count)} {'ab'[side]}" for side, count in enumerate(draw.permutation(9)[:2])]
        written = completions.add(db, [NewCompletion(prompt_id, base.id, text, finish_reason="stop") for text in texts])
        made += comparisons.add(db, [NewComparison(prompt_id, written)])
    for prompt in taste_prompts(db, 3):
        completions.add(
            db,
            [
                NewCompletion(
                    prompt.id,
                    base.id,
                    f"{'x' * place}.",
                    seed=completion_seed(TASTE_SEED, prompt.id, place),
                    sample_index=place,
                    finish_reason="stop",
                )
                for place in range(TASTE_SAMPLES)
            ],
        )
    return made


def vector(text: str) -> np.ndarray:
    """Features of a text: how many x, noise that depends on the text alone, and the logarithm of its length."""
    noise = np.random.default_rng(list(text.encode())).normal(size=WIDTH - 2)
    return np.array([text.count("x"), *noise, np.log(len(text) + 1)], dtype=np.float32)


def keep_features(db: Database, completion_ids: list[int] | None = None) -> None:
    """Keep the features of all completions, or of these."""
    study, name = studies.settings(db), kept_features.set_name(db)
    known = {prompt.id: prompt for prompt in prompts.listing(db)}
    assert name is not None
    chosen = completions.listing(db) if completion_ids is None else completions.get(db, completion_ids)
    features.put(
        db, name, {kept_features.key_of(text_of(known[one.prompt_id], one, study)): vector(one.text) for one in chosen}
    )


def judge(db: Database, comparison_id: int, name: str = "ann", likes: int = 1) -> int:
    """The person prefers the text with more x (with `likes` -1: with fewer); returns the judgment's id."""
    texts = [one.text.count("x") for one in completions.get(db, comparisons.get(db, comparison_id).completion_ids)]
    ranks = [1, 2] if likes * texts[0] > likes * texts[1] else [2, 1]
    person = annotators.ensure(db, name).id
    new = NewJudgment(comparison_id, person, ranks, [0, 1], f"{name}-{comparison_id:08}")
    return judgments.submit(db, new).id
