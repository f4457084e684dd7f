"""Trains a reward from preferences: first the head on frozen features, then head and adapter together.

Kept: Bradley-Terry with Davidson's ties, a split by group, plain reported losses, normalisation on reference samples.
Left out: margins and label smoothing, annotator reliability.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from reward_training.calibration import Calibration, cross_calibrated, cross_fitted, fit_temperature
from reward_training.head import choose_l2, fit_head
from reward_training.human_ceiling import human_ceiling, said_of
from reward_training.likelihood import OUTCOMES, Floats, davidson
from reward_training.metrics import Readings, evaluate
from reward_training.model import RewardModel
from reward_training.records import Pair, Text
from reward_training.settings import RewardSettings

OnStep = Callable[[dict[str, Any]], None]
ADAM_EPSILON = 1e-5
CHECKPOINT_EVERY = 4  # steps: a checkpoint costs about a fifth of a step of the bundled model


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
    """A reward model and what it scored: figures on the training pairs, on the hold-out pairs, and cross-fitted."""

    model: RewardModel
    report: dict[str, Any]
    holdout: Readings
    cross_fitted: CrossFitted


def train(
    base: LanguageModel,
    pairs: Sequence[Pair],
    reference: Sequence[Text],
    settings: RewardSettings,
    *,
    checkpoint_folder: Path,
    on_step: OnStep,
) -> TrainedReward:
    """Trains from the start on all pairs outside the hold-out; goes on from the newest checkpoint in
    `checkpoint_folder`.

    `on_step` is called after each step and may raise to stop. Raises TooFewPairs.
    """
    training = [pair for pair in pairs if not pair.holdout]
    if len(training) < 2:
        raise TooFewPairs(f"{len(training)} training judgments: at least 2 are needed before a reward can be trained")
    model = RewardModel.fresh(base, settings)
    head_report, outside = _fit_head(model, training, settings)
    on_step({"stage": "head", "done": 0, "steps": _steps(len(training), settings), **head_report})
    _fine_tune(model, training, settings, checkpoint_folder, on_step)
    temperature = _calibrate(model, training, outside)
    model.normalise_on(reference)
    report = {**head_report, "log_nu": model.log_nu, "reference_mean": model.mean, "reference_sd": model.sd}
    report["temperature"] = temperature
    readings = read(model, [pair for pair in pairs if pair.holdout])
    crossed = _cross_fitted(model, pairs, training, outside, readings)
    report["training"] = figures(model, training)
    report["holdout"] = evaluate(readings, model.log_nu)
    report["cross_fitted"] = evaluate(crossed.readings, model.log_nu)
    report["ceiling"] = human_ceiling(said_of(pairs))
    return TrainedReward(model, report, readings, crossed)


def read(model: RewardModel, pairs: Sequence[Pair]) -> Readings:
    """What a trained reward says of pairs."""
    texts, first, second = _unique_texts(pairs)
    raw = model.raw_scores(texts).double().cpu().numpy() if texts else np.zeros(0)
    return _readings(pairs, raw[first] - raw[second])


def figures(model: RewardModel, pairs: Sequence[Pair]) -> dict[str, Any]:
    """All figures of a trained reward on pairs (metrics.evaluate)."""
    return evaluate(read(model, pairs), model.log_nu)


def _readings(pairs: Sequence[Pair], differences: Floats) -> Readings:
    lengths = [(len(pair.first.completion), len(pair.second.completion)) for pair in pairs]
    groups = [pair.group for pair in pairs]
    return Readings(differences, np.array(lengths, dtype=np.float64).reshape(-1, 2), _outcomes(pairs), groups)


def _outcomes(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    return np.array([OUTCOMES[pair.outcome] for pair in pairs], dtype=np.int64)


def _weights(pairs: Sequence[Pair]) -> Floats:
    return np.array([pair.weight for pair in pairs], dtype=np.float64)


def _unique_texts(pairs: Sequence[Pair]) -> tuple[list[Text], NDArray[np.int64], NDArray[np.int64]]:
    """Each text once, however many pairs it is in, and where each pair's two texts stand."""
    place: dict[int, int] = {}
    texts: list[Text] = []
    for text in (text for pair in pairs for text in (pair.first, pair.second)):
        if id(text) not in place:
            place[id(text)] = len(texts)
            texts.append(text)
    first = np.array([place[id(pair.first)] for pair in pairs], dtype=np.int64)
    second = np.array([place[id(pair.second)] for pair in pairs], dtype=np.int64)
    return texts, first, second


def _fit_head(
    model: RewardModel, pairs: Sequence[Pair], settings: RewardSettings
) -> tuple[dict[str, Any], Floats | None]:
    """Fits the head on features of the untouched base and puts it into the model.

    Returns its report and, for each pair, what heads of the other folds say of it (None where all pairs are of one
    group).
    """
    texts, first, second = _unique_texts(pairs)
    features = model.all_features(texts)
    model.standardise_on(features)
    standard = ((features - model.centre) / model.spread).double().cpu().numpy()
    differences, outcomes, weights = standard[first] - standard[second], _outcomes(pairs), _weights(pairs)
    groups = [pair.group for pair in pairs]
    l2, losses = choose_l2(differences, outcomes, weights, groups, settings.head_l2)
    head = fit_head(differences, outcomes, weights, l2)
    outside = cross_fitted(
        differences, groups, lambda rows: fit_head(differences[rows], outcomes[rows], weights[rows], l2)
    )
    with torch.no_grad():
        model.head.linear.weight.copy_(torch.as_tensor(head.weights, dtype=torch.float32).unsqueeze(0))
        model.head.linear.bias.zero_()
    model.log_nu = head.log_nu
    return {"head_l2": l2, "cross_validated_log_loss": losses.get(l2)}, outside


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
    model: RewardModel, pairs: Sequence[Pair], training: Sequence[Pair], outside: Floats | None, holdout: Readings
) -> CrossFitted:
    """Training pairs as heads of the other folds read them (by temperatures of the other folds), held-out pairs as the
    model does; of both those drawn at random, as pairs picked to learn from are no fair sample."""
    said = np.full(len(pairs), np.nan)
    held_out = np.array([pair.holdout for pair in pairs], dtype=bool)
    said[held_out] = holdout.differences
    if outside is not None:
        groups = [pair.group for pair in training]
        said[~held_out] = cross_calibrated(outside, _outcomes(training), _weights(training), groups, model.log_nu)
    drawn = np.array([pair.at_random for pair in pairs], dtype=bool)
    rows = np.flatnonzero(np.isfinite(said) & drawn)
    return CrossFitted(rows, _readings([pairs[int(row)] for row in rows], said[rows]))


def _steps(pairs: int, settings: RewardSettings) -> int:
    return settings.epochs * -(-pairs // settings.pairs_per_step)


def _fine_tune(
    model: RewardModel, pairs: Sequence[Pair], settings: RewardSettings, folder: Path, on_step: OnStep
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
            chosen = [pairs[index] for index in order[start : start + settings.pairs_per_step]]
            optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 - step / total)
            loss = _step(model, chosen, parameters, optimizer, settings)
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
    parameters: list[torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    settings: RewardSettings,
) -> float:
    """One optimiser step on a few pairs. The loss's derivative by the score differences comes from the likelihood."""
    texts, first, second = _unique_texts(pairs)
    scores: Tensor = torch.zeros(len(texts), device=model.trunk.device)
    for rows, batch in model.batches(texts):
        scores = scores.index_put((torch.tensor(rows, device=scores.device),), model.raw(model.features(batch)))
    differences = scores[first] - scores[second]
    likelihood = davidson(differences.detach().double().cpu().numpy(), _outcomes(pairs), _weights(pairs), model.log_nu)
    optimizer.zero_grad(set_to_none=True)
    differences.backward(gradient=torch.as_tensor(likelihood.by_difference).to(differences))
    torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
    pause_point("inside-optimiser-step")
    optimizer.step()
    return likelihood.loss
