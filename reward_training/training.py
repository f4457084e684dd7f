"""Trains a reward from preferences: first the head on frozen features, then head and adapter together.

Kept: Bradley-Terry with Davidson's ties, reliability and side bias of people, margins, a split by group, plain reported
losses, normalisation on reference samples. Left out: calibration.

What is known of people (annotator_model.py) is learned with the head, on features of the untouched base, and then
stays: the adapter is trained with the last responsibilities as weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from language_models.checkpoints import (
    Checkpoint,
    latest_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from language_models.model import LanguageModel
from language_models.pause_points import pause_point
from reward_training import criteria_heads
from reward_training.annotator_model import NO_EVIDENCE, AnnotatorModel, Evidence, cross_fitted, learn
from reward_training.head import choose_l2, fit_head
from reward_training.likelihood import OUTCOMES, Floats, davidson
from reward_training.metrics import evaluate
from reward_training.model import RewardModel
from reward_training.pair_arrays import PairArrays, unique_texts
from reward_training.records import Pair, Text
from reward_training.settings import RewardSettings

OnStep = Callable[[dict[str, Any]], None]
ADAM_EPSILON = 1e-5
CHECKPOINT_EVERY = 4  # steps: a checkpoint costs about a fifth of a step of the bundled model


class TooFewPairs(ValueError):
    """Training needs at least two pairs outside the hold-out."""


@dataclass(frozen=True)
class Readings:
    """For each pair in order: raw score and length (characters) of its first completion minus those of its second."""

    differences: Floats
    length_differences: Floats


@dataclass(frozen=True)
class TrainedReward:
    """A reward model and what it scored: figures on the training pairs and, where there are any, on the hold-out
    pairs."""

    model: RewardModel
    report: dict[str, Any]
    holdout: Readings


def train(
    base: LanguageModel,
    pairs: Sequence[Pair],
    reference: Sequence[Text],
    settings: RewardSettings,
    *,
    checkpoint_folder: Path,
    on_step: OnStep,
    evidence: Evidence = NO_EVIDENCE,
) -> TrainedReward:
    """Trains from the start on all pairs outside the hold-out; goes on from the newest checkpoint in
    `checkpoint_folder`.

    `evidence` tells about people beside the pairs; what it repeats are rows of the pairs outside the hold-out.
    `on_step` is called after each step and may raise to stop. Raises TooFewPairs.
    """
    training = [pair for pair in pairs if not pair.holdout]
    if len(training) < 2:
        raise TooFewPairs(f"{len(training)} training judgments: at least 2 are needed before a reward can be trained")
    model = RewardModel.fresh(base, settings)
    fitted = _fit_head(model, training, reference, settings, evidence)
    head_report = fitted.report
    on_step({"stage": "head", "done": 0, "steps": _steps(len(training), settings), **head_report})
    _fine_tune(model, training, fitted, settings, checkpoint_folder, on_step)
    model.normalise_on(reference)
    report = {
        **head_report,
        "people": _people(fitted.people),
        "log_nu": model.log_nu,
        "reference_mean": model.mean,
        "reference_sd": model.sd,
    }
    held_out = [pair for pair in pairs if pair.holdout]
    readings = read(model, held_out)
    report["criteria"] = criteria_heads.report(
        lambda texts: _standard(model, model.all_features(texts)),
        training, held_out, model.head.linear.weight.detach()[0].double().cpu().numpy(), head_report["head_l2"],
    )  # fmt: skip
    report["training"] = figures(model, training)
    report["holdout"] = _figures(readings, held_out, model.log_nu)
    return TrainedReward(model, report, readings)


def read(model: RewardModel, pairs: Sequence[Pair]) -> Readings:
    """What a trained reward says of pairs."""
    texts, first, second = unique_texts(pairs)
    raw = model.raw_scores(texts).double().cpu().numpy() if texts else np.zeros(0)
    lengths = np.array([len(text.completion) for text in texts], dtype=np.float64)
    return Readings(raw[first] - raw[second], lengths[first] - lengths[second])


def figures(model: RewardModel, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Accuracy, interval, log-loss and length baseline of a trained reward on pairs."""
    return _figures(read(model, pairs), pairs, model.log_nu)


def _figures(readings: Readings, pairs: Sequence[Pair], log_nu: float) -> dict[str, Any]:
    groups = [pair.group for pair in pairs]
    return evaluate(readings.differences, readings.length_differences, _outcomes(pairs), log_nu, groups)


def _outcomes(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    return np.array([OUTCOMES[pair.outcome] for pair in pairs], dtype=np.int64)


@dataclass(frozen=True)
class _Fitted:
    """The pairs as they weigh, the raw score of the average reference text, what is known of people, figures."""

    arrays: PairArrays
    anchor: float
    people: AnnotatorModel | None
    report: dict[str, Any]


def _fit_head(
    model: RewardModel, pairs: Sequence[Pair], reference: Sequence[Text], settings: RewardSettings, evidence: Evidence
) -> _Fitted:
    """Fits the head on features of the untouched base, with what the same answers tell about people, and puts it into
    the model."""
    texts, first, second = unique_texts(pairs)
    features = model.all_features(texts)
    model.standardise_on(features)
    standard = _standard(model, features)
    differences, arrays = standard[first] - standard[second], PairArrays.of(pairs, settings.loss)
    groups, smoothing = [pair.group for pair in pairs], settings.loss.smoothing
    l2, losses = choose_l2(
        differences, arrays.outcomes, arrays.weights, groups, settings.head_l2,
        margins=arrays.margins, smoothing=smoothing,
    )  # fmt: skip
    turn = cross_fitted(differences, arrays.outcomes, groups, l2) if settings.annotators.enabled else None
    people = learn(arrays.answers(pairs), turn, settings.annotators, evidence) if turn else None
    if people is not None:
        arrays = arrays.weighed(people.responsibilities, people.side_bias)
    bad = arrays.both_bad
    anchor = _standard(model, model.all_features(reference)).mean(0) if bad.any() and reference else standard.mean(0)
    rows, all_rows = (first[bad], second[bad]), arrays.anchored(settings.loss.both_bad)
    head = fit_head(
        np.concatenate([differences, *(standard[row] - anchor for row in rows)]),
        all_rows.outcomes, all_rows.weights, l2,
        side_bias=all_rows.side_bias, margins=all_rows.margins, smoothing=smoothing,
    )  # fmt: skip
    with torch.no_grad():
        model.head.linear.weight.copy_(torch.as_tensor(head.weights, dtype=torch.float32).unsqueeze(0))
        model.head.linear.bias.zero_()
    model.log_nu = head.log_nu
    report = {"head_l2": l2, "cross_validated_log_loss": losses.get(l2)}
    return _Fitted(arrays, float(anchor @ head.weights), people, report)


def _standard(model: RewardModel, features: Tensor) -> Floats:
    return np.asarray(((features - model.centre) / model.spread).double().cpu().numpy())


def _people(found: AnnotatorModel | None) -> dict[str, Any]:
    """What a report says of people, by annotator; `enabled` is false where nothing was or could be learned of them."""
    if found is None:
        return {"enabled": False, "people": {}}
    people = {name: asdict(person) for name, person in found.people.items()}
    return {"enabled": True, "turns": found.turns, "settled": found.settled, "people": people}


def _steps(pairs: int, settings: RewardSettings) -> int:
    return settings.epochs * -(-pairs // settings.pairs_per_step)


def _fine_tune(
    model: RewardModel,
    pairs: Sequence[Pair],
    fitted: _Fitted,
    settings: RewardSettings,
    folder: Path,
    on_step: OnStep,
) -> None:
    """Trains the adapter under the fitted head, which stays as it is.

    The order of the pairs is drawn from (seed, epoch) and the learning rate is a function of the step, so that a
    resumed run needs nothing but adapter and optimiser.
    """
    total, per_epoch = _steps(len(pairs), settings), -(-len(pairs) // settings.pairs_per_step)
    model.head.requires_grad_(False)
    with model.trunk.adapters.training(model.adapter) as parameters:
        optimizer = torch.optim.Adam(parameters, lr=settings.learning_rate, eps=ADAM_EPSILON)
        done = _resume(model, optimizer, latest_checkpoint(folder))
        for step in range(done, total):
            order = np.random.default_rng([settings.seed, step // per_epoch]).permutation(len(pairs))
            start = (step % per_epoch) * settings.pairs_per_step
            chosen = order[start : start + settings.pairs_per_step]
            optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 - step / total)
            loss = _step(model, pairs, chosen, fitted, parameters, optimizer, settings)
            if (step + 1) % CHECKPOINT_EVERY == 0:
                _save(model, optimizer, folder, step + 1)
            on_step({"stage": "adapter", "done": step + 1, "steps": total, "loss": loss})


def _save(model: RewardModel, optimizer: torch.optim.Optimizer, folder: Path, step: int) -> None:
    adapter = model.trunk.adapters.parameters(model.adapter)
    save_checkpoint(folder, step, {"adapter": adapter, "optimizer": optimizer_tensors(optimizer)}, {})


def _resume(model: RewardModel, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint | None) -> int:
    if checkpoint is None:
        return 0
    with torch.no_grad():
        for name, parameter in model.trunk.adapters.parameters(model.adapter).items():
            parameter.copy_(checkpoint.group("adapter")[name])
    restore_optimizer(optimizer, checkpoint.group("optimizer"))
    return checkpoint.step


def _step(
    model: RewardModel,
    pairs: Sequence[Pair],
    rows: NDArray[np.int64],
    fitted: _Fitted,
    parameters: list[torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    settings: RewardSettings,
) -> float:
    """One optimiser step on a few pairs. The loss's derivative by the score differences comes from the likelihood."""
    texts, first, second = unique_texts([pairs[row] for row in rows])
    scores: Tensor = torch.zeros(len(texts), device=model.trunk.device)
    for places, batch in model.batches(texts):
        scores = scores.index_put((torch.tensor(places, device=scores.device),), model.raw(model.features(batch)))
    few = fitted.arrays.chosen(rows)
    against = [scores[first[few.both_bad]] - fitted.anchor, scores[second[few.both_bad]] - fitted.anchor]
    differences = torch.cat([scores[first] - scores[second], *against])
    few = few.anchored(settings.loss.both_bad)
    likelihood = davidson(
        differences.detach().double().cpu().numpy(), few.outcomes, few.weights, model.log_nu, few.side_bias,
        margins=few.margins, smoothing=settings.loss.smoothing,
    )  # fmt: skip
    # The likelihood is a mean: without this, pairs of unreliable people would count in full where they meet in a step.
    share = float(few.weights.sum() / (len(rows) * fitted.arrays.weights.mean()))
    optimizer.zero_grad(set_to_none=True)
    differences.backward(gradient=torch.as_tensor(share * likelihood.by_difference).to(differences))
    torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
    pause_point("inside-optimiser-step")
    optimizer.step()
    return likelihood.loss
