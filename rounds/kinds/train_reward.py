"""A reward model from all judgments of training purpose that count, of people and imports that are not left out.

The judgments are written down as the run's label snapshot at the first attempt; later attempts train on the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from feedback_store import (
    annotator_evidence,
    completions,
    features,
    policies,
    preferences,
    prompts,
    reward_models,
    runs,
    snapshots,
)
from feedback_store.completions import Completion
from feedback_store.preferences import Preference
from feedback_store.prompts import Prompt
from reward_training.annotator_model import Evidence
from reward_training.likelihood import OUTCOMES
from reward_training.model import RewardModel
from reward_training.pair_arrays import side_of
from reward_training.records import Pair, Text
from reward_training.training import FeaturesOf, TrainedReward, train
from rounds import beginnings, choosing_result
from rounds.beginnings import Beginning
from rounds.computing_features import features_of
from rounds.context import RunContext
from rounds.kept_features import key_of, set_name
from rounds.loop_state import HOLDOUT_SERIES
from rounds.plain import plain
from rounds.publishing import write_weights
from rounds.reference_samples import reference_samples
from rounds.reward_slices import ENOUGH_HELD_OUT, slices_of
from rounds.settings import TrainRewardSettings
from rounds.taste_samples import taste_samples
from rounds.texts import text_of, text_of_edit

FEWEST_PAIRS = 2


class TooFewJudgments(ValueError):
    """There is not enough to train a reward model on."""


def run(context: RunContext) -> dict[str, Any]:
    """Train, save, publish; the result is the training's report and what it was made from."""
    settings: TrainRewardSettings = context.settings
    began = _begin_with(context)
    snapshot = _snapshot(context)
    found = preferences.derive(context.db, snapshot)
    counts = _counts(found)
    _require_enough(counts)
    known = {prompt.id: prompt for prompt in prompts.listing(context.db, ids=sorted({one.prompt_id for one in found}))}
    pairs = _pairs(context, found, known)
    samples = _reference(context, began, settings.reference_samples)
    reference = [text_of(prompt, one, context.study) for prompt, one in samples]
    context.report("reading the texts")
    trained = train(
        context.models.model,
        pairs,
        reference,
        settings.reward,
        checkpoint_folder=context.checkpoints,
        on_step=lambda report: _after_step(context, report),
        evidence=_evidence(context, snapshot, found),
        features_of=_features_of(context, pairs, found),
    )
    read = {set_name(context.db), set_name(context.db, settings.reward)}
    features.forget_but(context.db, [name for name in read if name is not None])
    _keep_readings(context, trained, found)
    more = {
        "reference_samples": len(reference),
        "slices": _slices(trained, found, known),
        "choosing": choosing_result.compare(context.db),
    }
    return _publish(context, trained, counts, {**more, **_taste(context, trained.model)})


def _begin_with(context: RunContext) -> Beginning:
    """The first attempt writes down the policy whose completions set the reward's zero and unit, and what the study
    said; later ones, which go on from its checkpoint, read the same texts, whatever the study says since.
    """
    own = beginnings.read(context.folder)
    current = policies.current(context.db)
    assert current is not None  # the base was registered when the worker started
    began = (own or Beginning(policies.reference(context.db, current).name, None)).completed(context.study, [])
    if began != own:
        began.write(context.folder)
    if changed := began.differences(context.study, []):
        context.log(f"It goes on with what it began with; changed in the study since: {', '.join(changed)}.")
    context.study = began.applied_to(context.study)
    return began


def _reference(context: RunContext, began: Beginning, number: int) -> list[tuple[Prompt, Completion]]:
    """The texts that set zero and unit: those of the first attempt, though more may have been drawn since."""
    if began.reference_ids is None:
        samples = reference_samples(context, number, policies.by_name(context.db, began.start_policy))
        replace(began, reference_ids=[one.id for _, one in samples]).write(context.folder)
        return samples
    kept = completions.get(context.db, began.reference_ids)
    known = {prompt.id: prompt for prompt in prompts.listing(context.db, ids=[one.prompt_id for one in kept])}
    return [(known[one.prompt_id], one) for one in kept]


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


def _pairs(context: RunContext, found: list[Preference], known: Mapping[int, Prompt]) -> list[Pair]:
    """Plain records for the trainer; a text that stands in several pairs is one object."""
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
            criteria=one.criteria,
            # what a person wrote trains, but accuracies are about what policies write
            at_random=one.at_random and one.first_id is not None,
        )
        for one in found
    ]


def _evidence(context: RunContext, snapshot: list[int], found: Sequence[Preference]) -> Evidence:
    """Check questions and repeats, with the rows that they repeat among the pairs outside the hold-out."""
    rows: dict[int, list[int]] = {}  # of each judgment, in the order of pairs_of
    for row, pair in enumerate(pair for pair in found if pair.split != "holdout"):
        if pair.improved is None:
            rows.setdefault(pair.judgment_id, []).append(row)
    said = []
    for one in _told_of_people(context, snapshot):
        if one.repeats is None:
            said.append((one, -1))
        elif one.repeats in rows:
            said.append((one, rows[one.repeats][one.pair]))
    return Evidence(
        annotators=[str(one.annotator_id) for one, _ in said],
        outcomes=np.array([OUTCOMES[one.outcome] for one, _ in said], dtype=np.int64),
        side=np.array([side_of(one.first_shown_on_left) for one, _ in said], dtype=np.float64),
        expert=np.array([-1 if one.expert is None else OUTCOMES[one.expert] for one, _ in said], dtype=np.int64),
        repeats=np.array([row for _, row in said], dtype=np.int64),
    )


def _told_of_people(context: RunContext, snapshot: list[int]) -> list[annotator_evidence.Evidence]:
    """Those of the first attempt: a check question that is retired meanwhile, or an answer that is changed, would make
    another reward of the same snapshot."""
    began = beginnings.read(context.folder)
    assert began is not None  # _begin_with wrote it
    if began.evidence is not None:
        return [annotator_evidence.Evidence(**one) for one in began.evidence]
    found = annotator_evidence.derive(context.db, snapshot)
    replace(began, evidence=[asdict(one) for one in found]).write(context.folder)
    return found


def _features_of(context: RunContext, pairs: Sequence[Pair], found: Sequence[Preference]) -> FeaturesOf:
    """Features as they are kept; those that are missing are computed and kept, but for what people wrote themselves."""
    settings: TrainRewardSettings = context.settings
    written_by_people = {id(pair.first) for pair, one in zip(pairs, found, strict=True) if one.first_id is None}
    texts = [text for pair in pairs for text in (pair.first, pair.second) if id(text) not in written_by_people]
    keep = {key_of(text) for text in texts}
    return lambda model, wanted: features_of(context, model, wanted, settings.reward, keep)


PHASES = {"head": "fitting the head", "adapter": "training the adapter", "reading": "reading the texts"}


def _after_step(context: RunContext, report: dict[str, Any]) -> None:
    phase = PHASES[report["stage"]]
    if report["stage"] == "reading":
        context.between_steps(phase, step=report["done"], steps=report["steps"])
        if report["done"] == report["steps"]:
            context.new_phase()  # other texts may be read next
        return
    values = {
        key: value for key, value in report.items() if isinstance(value, int | float) and key not in ("done", "steps")
    }
    context.between_steps(phase, step=report["done"], steps=report["steps"], series="steps", values=plain(values))
    if report["done"] == report["steps"]:
        context.new_phase()


def _keep_readings(context: RunContext, trained: TrainedReward, found: Sequence[Preference]) -> None:
    """What the reward says of each held-out pair that chance drew, beside what the person said: the rows behind its
    accuracy."""
    held_out = [found[row] for row in trained.holdout_rows]
    readings = {
        "judgments": [one.judgment_id for one in held_out],
        "outcomes": [one.outcome for one in held_out],
        "differences": trained.holdout.differences.tolist(),
        "length_differences": trained.holdout.length_differences.tolist(),
    }
    runs.add_metrics(context.db, context.lease, HOLDOUT_SERIES, 0, readings)


def _slices(trained: TrainedReward, found: Sequence[Preference], known: Mapping[int, Prompt]) -> dict[str, Any]:
    """Of held-out pairs where there are enough, else of all pairs that can be cross-fitted."""
    if trained.report["holdout"]["decided"] >= ENOUGH_HELD_OUT:
        return slices_of([found[row] for row in trained.holdout_rows], trained.holdout, known)
    return slices_of([found[row] for row in trained.cross_fitted.rows], trained.cross_fitted.readings, known)


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


def _shift(context: RunContext, report: dict[str, Any]) -> dict[str, Any] | None:
    """How the raw scale moved since the reward before this one; None for the first. Scores have mean 0 and standard
    deviation 1 on the reference samples in all of them, so that beta keeps its meaning."""
    mean, sd = (float(report[f"reference_{name}"]) for name in ("mean", "sd"))
    spread = f"deviation {sd:.3g}" if report["reference_varies"] else "with next to no deviation"
    told = f"Raw scores of {report['reference_samples']} texts of the reference: mean {mean:.3g}, {spread}"
    done = "normalised to 0 and 1" if report["reference_varies"] else "left as they are"
    before = [one for one in reward_models.listing(context.db) if one.run_id != context.run.id]
    was_told = bool(before and before[-1].metrics.get("reference_sd"))
    if not was_told or not report["reference_varies"] or before[-1].metrics.get("reference_varies") is False:
        context.log(f"{told}; {done}.")
        return None
    last, was = before[-1].name, before[-1].metrics
    context.log(f"{told} ({last}: {was['reference_mean']:.3g}, {was['reference_sd']:.3g}); {done}.")
    return {"since": last, "mean": mean - was["reference_mean"], "sd_times": sd / was["reference_sd"]}


def _publish(
    context: RunContext, trained: TrainedReward, counts: dict[str, int], more: dict[str, Any]
) -> dict[str, Any]:
    report = {**plain(trained.report), **counts, **more}
    if report["skipped_steps"]:
        context.log(
            f"Steps of the adapter that were skipped, since their loss or gradient was no number: "
            f"{report['skipped_steps']}.",
            level="warning",
        )
    if not report["reference_varies"]:
        context.log(
            f"The reward gives all {report['reference_samples']} samples of the reference about the same: the answers "
            "contradict one another or are ties, or the samples are alike. So it decides nothing yet, and its scores "
            "stay raw, in log-odds. Look on the page People at who answers how, and ask for more judgments before a "
            "policy is trained on it.",
            level="warning",
        )
    report["shift"] = _shift(context, report)
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
