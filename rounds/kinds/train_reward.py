"""A reward model from all judgments of training purpose that count, of people and imports that are not left out.

The judgments are written down as the run's label snapshot at the first attempt; later attempts train on the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from feedback_store import completions, features, policies, preferences, prompts, reward_models, runs, snapshots
from feedback_store.preferences import Preference
from reward_training.model import RewardModel
from reward_training.records import Pair, Text
from reward_training.training import FeaturesOf, TrainedReward, train
from rounds import choosing_result
from rounds.computing_features import features_of
from rounds.context import RunContext
from rounds.drawing import Wanted, complete
from rounds.kept_features import key_of, set_name
from rounds.loop_state import HOLDOUT_SERIES
from rounds.plain import plain
from rounds.publishing import write_weights
from rounds.settings import TrainRewardSettings
from rounds.taste_samples import taste_samples
from rounds.texts import text_of, text_of_edit

FEWEST_PAIRS = 2
MOST_SAMPLES_A_PROMPT = 4  # new ones for the reference


class TooFewJudgments(ValueError):
    """There is not enough to train a reward model on."""


def run(context: RunContext) -> dict[str, Any]:
    """Train, save, publish; the result is the training's report and what it was made from."""
    settings: TrainRewardSettings = context.settings
    found = preferences.derive(context.db, _snapshot(context))
    counts = _counts(found)
    _require_enough(counts)
    pairs = _pairs(context, found)
    reference = _reference(context, settings.reference_samples)
    context.report("reading the texts")
    trained = train(
        context.models.model,
        pairs,
        reference,
        settings.reward,
        checkpoint_folder=context.checkpoints,
        on_step=lambda report: _after_step(context, report),
        features_of=_features_of(context, pairs, found),
    )
    read = {set_name(context.db), set_name(context.db, settings.reward)}
    features.forget_but(context.db, [name for name in read if name is not None])
    _keep_readings(context, trained, found)
    more = {"reference_samples": len(reference), "choosing": choosing_result.compare(context.db)}
    return _publish(context, trained, counts, {**more, **_taste(context, trained.model)})


def _snapshot(context: RunContext) -> list[int]:
    """The judgments of this run: those of its first attempt, else all that count."""
    kept = runs.judgments_of(context.db, context.run.id)
    return list(kept) or snapshots.take(context.db, context.lease)


def _counts(found: list[Preference]) -> dict[str, int]:
    decided = [preference for preference in found if preference.outcome != "tie"]
    return {
        "judgments": len({preference.judgment_id for preference in found}),
        "training_pairs": sum(preference.split == "train" for preference in found),
        "decided_training_pairs": sum(preference.split == "train" for preference in decided),
        "holdout_pairs": sum(preference.split == "holdout" for preference in found),
        "decided_holdout_pairs": sum(preference.split == "holdout" for preference in decided),
        "annotators": len({preference.annotator_id for preference in found}),
    }


def _require_enough(counts: dict[str, int]) -> None:
    decided = counts["decided_training_pairs"]
    if decided < FEWEST_PAIRS:
        missing = FEWEST_PAIRS - decided
        raise TooFewJudgments(
            f"{decided} decided judgments on training prompts: at least {FEWEST_PAIRS} are needed to train a reward, "
            f"{missing} more. (Ties and skips decide nothing; {counts['holdout_pairs']} lie on held-out prompts.)"
        )


def _pairs(context: RunContext, found: list[Preference]) -> list[Pair]:
    """Plain records for the trainer; a text that stands in several pairs is one object."""
    known = {prompt.id: prompt for prompt in prompts.listing(context.db, ids=sorted({one.prompt_id for one in found}))}
    named = {completion_id for one in found for completion_id in (one.first_id, one.second_id)}
    ids = sorted(completion_id for completion_id in named if completion_id is not None)
    texts: dict[int, Text] = {
        completion.id: text_of(known[completion.prompt_id], completion, context.study)
        for completion in completions.get(context.db, ids)
    }

    def first(one: Preference) -> Text:
        if one.first_id is None:
            return text_of_edit(known[one.prompt_id], one.improved or "", context.study)
        return texts[one.first_id]

    return [
        Pair(
            first=first(one),
            second=texts[one.second_id],
            outcome=one.outcome,
            group=known[one.prompt_id].group,
            holdout=one.split == "holdout",
            weight=one.weight,
            annotator=str(one.annotator_id),
            first_on_left=one.first_shown_on_left,
            strength=one.strength,
            both_bad=one.both_bad,
        )
        for one in found
    ]


def _features_of(context: RunContext, pairs: Sequence[Pair], found: Sequence[Preference]) -> FeaturesOf:
    """Features as they are kept; those that are missing are computed and kept, but for what people wrote themselves."""
    settings: TrainRewardSettings = context.settings
    written_by_people = {id(pair.first) for pair, one in zip(pairs, found, strict=True) if one.first_id is None}
    texts = [text for pair in pairs for text in (pair.first, pair.second) if id(text) not in written_by_people]
    keep = {key_of(text) for text in texts}
    return lambda model, wanted: features_of(context, model, wanted, settings.reward, keep)


def _reference(context: RunContext, number: int) -> list[Text]:
    """Samples of the reference policy, on which the scores get zero and unit: stored ones, and new ones where few
    are.
    """
    base = policies.base(context.db)
    assert base is not None  # registered when the worker starts
    known = {prompt.id: prompt for prompt in prompts.listing(context.db, split="train")}
    chosen = [one for one in completions.listing(context.db, policy_id=base.id) if one.prompt_id in known][:number]
    missing = max(0, min(number, MOST_SAMPLES_A_PROMPT * len(known)) - len(chosen))
    passes = [Wanted(prompt, base, 0, place) for place in range(MOST_SAMPLES_A_PROMPT) for prompt in known.values()]
    chosen += complete(context, passes[:missing], phase="sampling the reference policy")
    return [text_of(known[one.prompt_id], one, context.study) for one in chosen if one.text.strip()]


def _after_step(context: RunContext, report: dict[str, Any]) -> None:
    phase = "fitting the head" if report["stage"] == "head" else "training the adapter"
    values = {
        key: value for key, value in report.items() if isinstance(value, int | float) and key not in ("done", "steps")
    }
    context.between_steps(phase, step=report["done"], steps=report["steps"], series="steps", values=plain(values))


def _keep_readings(context: RunContext, trained: TrainedReward, found: Sequence[Preference]) -> None:
    """What the reward says of each held-out pair, beside what the person said: the rows behind its accuracy."""
    held_out = [one for one in found if one.split == "holdout"]
    readings = {
        "judgments": [one.judgment_id for one in held_out],
        "outcomes": [one.outcome for one in held_out],
        "differences": trained.holdout.differences.tolist(),
        "length_differences": trained.holdout.length_differences.tolist(),
    }
    runs.add_metrics(context.db, context.lease, HOLDOUT_SERIES, 0, readings)


def _taste(context: RunContext, model: RewardModel) -> dict[str, Any]:
    """Samples of the current policy on a few held-out prompts with what the new reward says of each: its taste, to be
    looked at.
    """
    settings: TrainRewardSettings = context.settings
    samples = taste_samples(context, settings.taste_prompts)
    if not samples:
        return {"taste": []}
    scores = model.score([text_of(one.prompt, completion, context.study) for one, completion in samples])
    shown: dict[int, dict[str, float]] = {}
    for (one, completion), score in zip(samples, scores, strict=True):
        shown.setdefault(one.prompt.id, {})[str(completion.id)] = score
    taste = [{"prompt_id": prompt_id, "scores": by_completion} for prompt_id, by_completion in shown.items()]
    return {"taste": plain(taste), "taste_policy": samples[0][0].policy.name}


def _publish(
    context: RunContext, trained: TrainedReward, counts: dict[str, int], more: dict[str, Any]
) -> dict[str, Any]:
    report = {**plain(trained.report), **counts, **more}
    name = f"reward-{reward_models.next_number(context.db, context.run.id)}"

    folder, manifest = write_weights(context, name, trained.save, {"report": report})
    reward_models.publish(
        context.db,
        context.lease,
        folder=folder,
        base_sha256=context.models.identity.sha256,
        manifest_sha256=manifest,
        metrics=report,
        result=counts,
    )
    context.ended = True
    return report
