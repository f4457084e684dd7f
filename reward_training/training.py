"""Trains a reward from preferences: first the head on frozen features, then the adapter under it.

Kept: Bradley-Terry with Davidson's ties, reliability and side bias of people, margins, a split by group, plain reported
losses, a temperature, normalisation on reference samples.

What is known of people (annotator_model.py) is learned with the head, on features of the untouched base, and then
stays: the adapter is trained with the last responsibilities as weights.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from language_models.model import LanguageModel
from reward_training import annotator_model, criteria_heads
from reward_training.annotator_model import NO_EVIDENCE, AnnotatorModel, Evidence
from reward_training.calibration import Calibration, cross_calibrated, cross_fitted, fit_temperature
from reward_training.criteria_heads import CriteriaHeads
from reward_training.fine_tuning import OnStep, fine_tune, steps_of
from reward_training.head import choose_l2, fit_head
from reward_training.human_ceiling import human_ceiling, said_of
from reward_training.likelihood import OUTCOMES, Floats
from reward_training.metrics import Readings, evaluate
from reward_training.model import RewardModel
from reward_training.pair_arrays import PairArrays, unique_texts
from reward_training.records import Pair, Text
from reward_training.reward_posterior import RewardPosterior, posterior_around
from reward_training.settings import RewardSettings

FeaturesOf = Callable[[RewardModel, Sequence[Text]], NDArray[np.float32]]
READ_AT_ONCE = 64  # texts between two looks at whether the work is still wanted: some seconds


class TooFewPairs(ValueError):
    """Training needs at least two pairs outside the hold-out."""


@dataclass(frozen=True)
class CrossFitted:
    """What heads made of the other folds say of pairs drawn at random: `rows` are their places among the pairs that
    train() was given, `readings` what stands there. Held-out pairs are among them."""

    rows: NDArray[np.int64]
    readings: Readings


@dataclass(frozen=True)
class TrainedReward:
    """A reward model and what it scored: figures on the training pairs, on the hold-out pairs that were drawn at
    random (`holdout_rows`: which of all pairs these are), and cross-fitted."""

    model: RewardModel
    report: dict[str, Any]
    holdout_rows: NDArray[np.int64]
    holdout: Readings
    cross_fitted: CrossFitted
    posterior: RewardPosterior
    criteria: CriteriaHeads

    def save(self, folder: Path) -> None:
        """Writes the model, how sure it is, and its heads by criterion into an existing folder."""
        self.model.save(folder)
        self.posterior.save(folder)
        self.criteria.save(folder)


def train(
    base: LanguageModel,
    pairs: Sequence[Pair],
    reference: Sequence[Text],
    settings: RewardSettings,
    *,
    checkpoint_folder: Path,
    on_step: OnStep,
    evidence: Evidence = NO_EVIDENCE,
    features_of: FeaturesOf | None = None,
) -> TrainedReward:
    """Trains from the start on all pairs outside the hold-out; goes on from the newest checkpoint in
    `checkpoint_folder`.

    `evidence` tells about people beside the pairs; what it repeats are rows of the pairs outside the hold-out.
    `on_step` is called after each step, and while texts are read, and may raise to stop. `features_of` gives the
    features of texts on the untouched base, (N, D), where they are kept; without it they are computed. Raises
    TooFewPairs, and NonFiniteLoss where the reward's scores are no numbers, or after three bad losses in a row, with
    adapter and token ids saved beside the checkpoints.
    """
    training = [pair for pair in pairs if not pair.holdout]
    if len(training) < 2:
        raise TooFewPairs(f"{len(training)} training judgments: at least 2 are needed before a reward can be trained")
    model = RewardModel.fresh(base, settings)
    fitted = _fit_head(model, training, reference, settings, evidence, features_of)
    head_report = fitted.report
    on_step({"stage": "head", "done": 0, "steps": steps_of(len(training), settings), **head_report})
    skipped = fine_tune(model, training, fitted.arrays, fitted.anchor, settings, checkpoint_folder, on_step)
    temperature = _calibrate(model, training, fitted.outside)
    precision = fitted.prior_precision(model.width, temperature)
    varies = model.normalise_on(reference, precision)
    report = {
        **head_report,
        "people": _people(fitted.people),
        "temperature": temperature,
        "log_nu": model.log_nu,
        "reference_mean": model.mean,
        "reference_sd": model.sd,
        "reference_varies": varies,
        "skipped_steps": skipped,
    }
    rows = np.flatnonzero([pair.holdout and pair.at_random for pair in pairs])
    held_out = [pairs[int(row)] for row in rows]
    features_once = _each_read_once(model, on_step)
    readings = _read(model, held_out, features_once)
    crossed = _cross_fitted(model, pairs, training, fitted.outside, rows, readings)
    main = model.head.linear.weight.detach()[0].cpu().double().numpy()

    def standard_of(texts: Sequence[Text]) -> Floats:
        return model.standard(features_once(texts))

    criteria = criteria_heads.fit(standard_of, training, reference, head_report["head_l2"])
    report["criteria"] = criteria_heads.report(criteria, standard_of, training, held_out, main)
    report["training"] = evaluate(_read(model, training, features_once), model.log_nu)
    report["holdout"] = evaluate(readings, model.log_nu)
    report["cross_fitted"] = evaluate(crossed.readings, model.log_nu)
    report["ceiling"] = human_ceiling(said_of(pairs))
    posterior = _posterior(model, training, features_once, fitted.arrays, precision, settings)
    return TrainedReward(model, report, rows, readings, crossed, posterior, criteria)


def _read(model: RewardModel, pairs: Sequence[Pair], features_of: Callable[[Sequence[Text]], Tensor]) -> Readings:
    texts, first, second = unique_texts(pairs)
    with torch.no_grad():
        raw = model.raw(features_of(texts)).cpu().double().numpy()
    return _readings(pairs, raw[first] - raw[second])


def _each_read_once(model: RewardModel, on_step: OnStep) -> Callable[[Sequence[Text]], Tensor]:
    """Features of texts as the model is now, some at a time; a text that was asked for before is not read again."""
    known: dict[int, tuple[Text, Tensor]] = {}  # by identity; the text is held, so that no other gets its place

    def features_of(texts: Sequence[Text]) -> Tensor:
        new = [text for text in texts if id(text) not in known]
        for start in range(0, len(new), READ_AT_ONCE):
            part = new[start : start + READ_AT_ONCE]
            for text, found in zip(part, model.all_features(part), strict=True):
                known[id(text)] = text, found
            on_step({"stage": "reading", "done": start + len(part), "steps": len(new)})
        return torch.stack([known[id(text)][1] for text in texts]) if texts else model.all_features([])

    return features_of


def _posterior(
    model: RewardModel,
    pairs: Sequence[Pair],
    features_of: Callable[[Sequence[Text]], Tensor],
    arrays: PairArrays,
    precision: float,
    settings: RewardSettings,
) -> RewardPosterior:
    """How sure the trained head is, given what was learned of people."""
    texts, first, second = unique_texts(pairs)
    return posterior_around(
        model.head.linear.weight[0].detach().cpu().double().numpy(),
        model.log_nu,
        model.spread.cpu().double().numpy(),
        features_of(texts).cpu().numpy(),
        (first, second, arrays.outcomes, arrays.weights, arrays.side_bias),
        [pair.group for pair in pairs],
        precision=precision,
        sd=model.sd,
        members=settings.ensemble.members,
        seed=settings.seed,
    )


def figures(model: RewardModel, pairs: Sequence[Pair], scores: Mapping[int, float]) -> dict[str, Any]:
    """All figures (metrics.evaluate) of a trained reward on pairs whose texts it scored already: `scores` are
    normalised, by the id of the text object."""
    differences = [scores[id(pair.first)] - scores[id(pair.second)] for pair in pairs]
    return evaluate(_readings(pairs, model.sd * np.array(differences, dtype=np.float64)), model.log_nu)


def _readings(pairs: Sequence[Pair], differences: Floats) -> Readings:
    lengths = [(len(pair.first.completion), len(pair.second.completion)) for pair in pairs]
    groups = [pair.group for pair in pairs]
    return Readings(differences, np.array(lengths, dtype=np.float64).reshape(-1, 2), _outcomes(pairs), groups)


def _outcomes(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    return np.array([OUTCOMES[pair.outcome] for pair in pairs], dtype=np.int64)


@dataclass(frozen=True)
class _Fitted:
    """The pairs as they weigh, what all weighs that the head was fitted to (what "both bad" says besides, too), the raw
    score of the average reference text, what is known of people, what heads of the other folds say of each pair (None
    where all pairs are of one group), figures."""

    arrays: PairArrays
    weight: float
    anchor: float
    people: AnnotatorModel | None
    outside: Floats | None
    report: dict[str, Any]

    def prior_precision(self, width: int, temperature: float) -> float:
        """The loss is a mean, the ridge l2/2 * D * |w|^2, so their sum over all that was fitted gives the prior's; a
        head divided by a temperature T has T^2 of it.
        """
        return float(self.weight * self.report["head_l2"] * width * temperature**2)


def _weights(pairs: Sequence[Pair]) -> Floats:
    return np.array([pair.weight for pair in pairs], dtype=np.float64)


def _fit_head(
    model: RewardModel,
    pairs: Sequence[Pair],
    reference: Sequence[Text],
    settings: RewardSettings,
    evidence: Evidence,
    features_of: FeaturesOf | None,
) -> _Fitted:
    """Fits the head on features of the untouched base, with what the same answers tell about people, and puts it into
    the model."""
    texts, first, second = unique_texts(pairs)
    if features_of is None:
        features = model.all_features(texts)
    else:
        features = torch.as_tensor(features_of(model, texts), device=model.trunk.device)
    model.standardise_on(features)
    standard = model.standard(features)
    differences, arrays = standard[first] - standard[second], PairArrays.of(pairs, settings.loss)
    groups, smoothing = [pair.group for pair in pairs], settings.loss.smoothing
    l2, losses = choose_l2(
        differences, arrays.outcomes, arrays.weights, groups, settings.head_l2,
        margins=arrays.margins, smoothing=smoothing,
    )  # fmt: skip
    enabled = settings.annotators.enabled
    turn = annotator_model.cross_fitted(differences, arrays.outcomes, groups, l2) if enabled else None
    people = annotator_model.learn(arrays.answers(pairs), turn, settings.annotators, evidence) if turn else None
    if people is not None:
        arrays = arrays.weighed(people.responsibilities, people.side_bias)
    bad = arrays.both_bad
    anchor = model.standard(model.all_features(reference)).mean(0) if bad.any() and reference else standard.mean(0)
    rows, all_rows = (first[bad], second[bad]), arrays.anchored(settings.loss.both_bad)
    head = fit_head(
        np.concatenate([differences, *(standard[row] - anchor for row in rows)]),
        all_rows.outcomes, all_rows.weights, l2,
        side_bias=all_rows.side_bias, margins=all_rows.margins, smoothing=smoothing,
    )  # fmt: skip
    outside = cross_fitted(
        differences, groups,
        lambda rows: fit_head(
            differences[rows], arrays.outcomes[rows], arrays.weights[rows], l2,
            side_bias=arrays.side_bias[rows], margins=arrays.margins[rows], smoothing=smoothing,
        ),
    )  # fmt: skip
    with torch.no_grad():
        model.head.linear.weight.copy_(torch.as_tensor(head.weights, dtype=torch.float32).unsqueeze(0))
        model.head.linear.bias.zero_()
    model.log_nu = head.log_nu
    report = {"head_l2": l2, "cross_validated_log_loss": losses.get(l2)}
    weight = float(all_rows.weights.sum())
    return _Fitted(arrays, weight, float(anchor @ head.weights), people, outside, report)


def _people(found: AnnotatorModel | None) -> dict[str, Any]:
    """What a report says of people, by annotator; `enabled` is false where nothing was or could be learned of them."""
    if found is None:
        return {"enabled": False, "people": {}}
    people = {name: asdict(person) for name, person in found.people.items()}
    return {"enabled": True, "turns": found.turns, "settled": found.settled, "people": people}


def _calibrate(model: RewardModel, pairs: Sequence[Pair], outside: Floats | None) -> float:
    """Divides the head by a temperature, so that raw differences are log-odds that mean what they say; returns it.

    It is fitted on the cross-fitted differences of the training pairs, before the adapter: fitting adapters for it
    would take as many trainings as there are folds. Normalised scores are the same with and without it.
    """
    if outside is None:
        return 1.0
    found: Calibration = fit_temperature(outside, _outcomes(pairs), _weights(pairs), model.log_nu)
    with torch.no_grad():
        model.head.linear.weight.div_(found.temperature)
    model.log_nu = found.log_nu
    return found.temperature


def _cross_fitted(
    model: RewardModel,
    pairs: Sequence[Pair],
    training: Sequence[Pair],
    outside: Floats | None,
    holdout_rows: NDArray[np.int64],
    holdout: Readings,
) -> CrossFitted:
    """Training pairs as heads of the other folds read them (by temperatures of the other folds), held-out pairs as the
    model does; of both those drawn at random, as pairs picked to learn from are no fair sample."""
    said = np.full(len(pairs), np.nan)
    held_out = np.array([pair.holdout for pair in pairs], dtype=bool)
    drawn = np.array([pair.at_random for pair in pairs], dtype=bool)
    said[holdout_rows] = holdout.differences
    if outside is not None:
        groups = [pair.group for pair in training]
        said[~held_out] = cross_calibrated(outside, _outcomes(training), _weights(training), groups, model.log_nu)
    rows = np.flatnonzero(np.isfinite(said) & drawn)
    return CrossFitted(rows, _readings([pairs[int(row)] for row in rows], said[rows]))
