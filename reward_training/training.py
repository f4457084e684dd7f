"""Trains a reward from preferences: first the head on frozen features, then head and adapter together.

Kept: Bradley-Terry with Davidson's ties, a split by group, plain reported losses, normalisation on reference samples.
Left out: margins and label smoothing, annotator reliability, calibration.
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
from reward_training.head import choose_l2, fit_head
from reward_training.likelihood import OUTCOMES, Floats, davidson
from reward_training.metrics import evaluate
from reward_training.model import RewardModel
from reward_training.records import Pair, Text
from reward_training.reward_posterior import RewardPosterior, posterior_around
from reward_training.settings import RewardSettings

OnStep = Callable[[dict[str, Any]], None]
FeaturesOf = Callable[[RewardModel, Sequence[Text]], NDArray[np.float32]]
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
    posterior: RewardPosterior

    def save(self, folder: Path) -> None:
        """Writes the model and how sure it is into an existing folder."""
        self.model.save(folder)
        self.posterior.save(folder)


def train(
    base: LanguageModel,
    pairs: Sequence[Pair],
    reference: Sequence[Text],
    settings: RewardSettings,
    *,
    checkpoint_folder: Path,
    on_step: OnStep,
    features_of: FeaturesOf | None = None,
) -> TrainedReward:
    """Trains from the start on all pairs outside the hold-out; goes on from the newest checkpoint in
    `checkpoint_folder`.

    `on_step` is called after each step and may raise to stop. `features_of` gives the features of texts on the
    untouched base, (N, D), where they are kept; without it they are computed. Raises TooFewPairs.
    """
    training = [pair for pair in pairs if not pair.holdout]
    if len(training) < 2:
        raise TooFewPairs(f"{len(training)} training judgments: at least 2 are needed before a reward can be trained")
    model = RewardModel.fresh(base, settings)
    head_report = _fit_head(model, training, settings, features_of)
    on_step({"stage": "head", "done": 0, "steps": _steps(len(training), settings), **head_report})
    _fine_tune(model, training, settings, checkpoint_folder, on_step)
    model.normalise_on(reference)
    report = {**head_report, "log_nu": model.log_nu, "reference_mean": model.mean, "reference_sd": model.sd}
    held_out = [pair for pair in pairs if pair.holdout]
    readings = read(model, held_out)
    texts, _, _ = _unique_texts(training)
    features = model.all_features(texts)
    report["training"] = _figures(_read(model, training, features), training, model.log_nu)
    report["holdout"] = _figures(readings, held_out, model.log_nu)
    return TrainedReward(model, report, readings, _posterior(model, training, features, report["head_l2"], settings))


def read(model: RewardModel, pairs: Sequence[Pair]) -> Readings:
    """What a trained reward says of pairs."""
    texts, _, _ = _unique_texts(pairs)
    return _read(model, pairs, model.all_features(texts))


def _read(model: RewardModel, pairs: Sequence[Pair], features: Tensor) -> Readings:
    """`features`: those of the pairs' texts, each once, in their order."""
    texts, first, second = _unique_texts(pairs)
    with torch.no_grad():
        raw = model.raw(features).double().cpu().numpy()
    lengths = np.array([len(text.completion) for text in texts], dtype=np.float64)
    return Readings(raw[first] - raw[second], lengths[first] - lengths[second])


def _posterior(
    model: RewardModel, pairs: Sequence[Pair], features: Tensor, l2: float, settings: RewardSettings
) -> RewardPosterior:
    """How sure the trained head is. The loss is a mean, the ridge l2/2 * D * |w|^2: their sum over all pairs gives the
    prior's precision."""
    _, first, second = _unique_texts(pairs)
    weights = _weights(pairs)
    return posterior_around(
        model.head.linear.weight[0].detach().double().cpu().numpy(),
        model.log_nu,
        model.spread.double().cpu().numpy(),
        features.cpu().numpy(),
        (first, second, _outcomes(pairs), weights),
        [pair.group for pair in pairs],
        precision=float(weights.sum()) * l2 * model.width,
        sd=model.sd,
        members=settings.ensemble.members,
        seed=settings.seed,
    )


def figures(model: RewardModel, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Accuracy, interval, log-loss and length baseline of a trained reward on pairs."""
    return _figures(read(model, pairs), pairs, model.log_nu)


def _figures(readings: Readings, pairs: Sequence[Pair], log_nu: float) -> dict[str, Any]:
    groups = [pair.group for pair in pairs]
    return evaluate(readings.differences, readings.length_differences, _outcomes(pairs), log_nu, groups)


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
    model: RewardModel, pairs: Sequence[Pair], settings: RewardSettings, features_of: FeaturesOf | None
) -> dict[str, Any]:
    """Fits the head on features of the untouched base and puts it into the model."""
    texts, first, second = _unique_texts(pairs)
    if features_of is None:
        features = model.all_features(texts)
    else:
        features = torch.as_tensor(features_of(model, texts), device=model.trunk.device)
    model.standardise_on(features)
    standard = ((features - model.centre) / model.spread).double().cpu().numpy()
    differences, outcomes, weights = standard[first] - standard[second], _outcomes(pairs), _weights(pairs)
    l2, losses = choose_l2(differences, outcomes, weights, [pair.group for pair in pairs], settings.head_l2)
    head = fit_head(differences, outcomes, weights, l2)
    with torch.no_grad():
        model.head.linear.weight.copy_(torch.as_tensor(head.weights, dtype=torch.float32).unsqueeze(0))
        model.head.linear.bias.zero_()
    model.log_nu = head.log_nu
    return {"head_l2": l2, "cross_validated_log_loss": losses.get(l2)}


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
