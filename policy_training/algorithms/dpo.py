"""Direct preference optimisation: a LoRA adapter trained straight from judged pairs, without a reward model.

Source: Rafailov et al. 2023, https://arxiv.org/abs/2305.18290: the policy that maximises E[r] - beta KL is proportional
to pi_ref exp(r / beta), so beta log(pi / pi_ref) is a reward (Eq. 5), and Bradley-Terry on its differences is the loss
(Eq. 7). Kept: log-probs summed over a completion, never averaged. Added: ties by Davidson's likelihood (Chen et al.
2024, https://arxiv.org/abs/2409.17431), a weight for each pair, label smoothing. Left out: an SFT stage before it (the
base is instruction-tuned; pairs come from the policies themselves), length normalisation, a reference that moves.

Each iteration measures fresh rollouts as every algorithm does, and takes `minibatches` optimiser steps on its pairs.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from language_models.batches import Batch, token_batches
from language_models.errors import NothingToTrain
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from policy_training.algorithms.settings.dpo import Settings
from policy_training.iterations import iterations
from policy_training.learner import Learner, TrainedPolicy
from policy_training.losses import preference_losses
from policy_training.optimiser_step import finite_mean, guarded_step
from policy_training.passes import in_passes, with_mean_weight_one
from policy_training.records import Given, Preference
from policy_training.rollouts import MicroBatch

NEEDS = ("prompts", "preferences")
EQUAL_NATS = 1e-4
"""What rounding in 32 bits makes of a log-prob that is read in batches of two layouts lies below."""


def train(given: Given, settings: Settings) -> TrainedPolicy:
    """Trains the given adapter and returns the kept policy.

    Raises NothingToTrain without a decided pair that counts, NonFiniteLoss after three bad losses in a row.
    """
    pairs = with_mean_weight_one(given.preferences)
    if all(pair.tie for pair in pairs):
        raise NothingToTrain(f"there is no decided pair among {len(pairs)}: compare some, not all of them as ties")
    nu = settings.tie_nu or nu_of_ties(pairs)
    learner = Learner.start(given, settings)
    with learner.training():
        reference = reference_log_probs(given, pairs, settings)
        for now in iterations(learner, given, settings):
            drawn = _drawn(pairs, now.step, settings)
            chosen = [pairs[place] for place in drawn]
            now.metrics.update(_update(learner, chosen, reference[drawn], nu, settings, given))
    return learner.kept_policy()


def _drawn(pairs: Sequence[Preference], step: int, settings: Settings) -> list[int]:
    """The places of the pairs of an iteration."""
    return in_passes(len(pairs), settings.pairs_per_step, step, (settings.seed, 3))


def nu_of_ties(pairs: Sequence[Preference]) -> float:
    """Davidson's nu by the share s of ties: 2 s / (1 - s), its maximum likelihood at the start, where all differences
    are 0 and P(tie) = nu / (2 + nu). Without ties it is 0, and the loss Bradley-Terry's."""
    share = sum(pair.weight for pair in pairs if pair.tie) / sum(pair.weight for pair in pairs)
    return 2 * share / (1 - share)


def reference_log_probs(given: Given, pairs: Sequence[Preference], settings: Settings) -> Tensor:
    """(N, 2) log pi_ref of each chosen and each rejected completion, nats: they never change, so each is read once.

    Those of pairs whose turn does not come in this run stay 0. A resumed run reads them in the same batches.
    """
    places = sorted({place for step in range(settings.steps) for place in _drawn(pairs, step, settings)})
    found = torch.zeros(len(pairs), 2)
    with torch.no_grad(), given.model.adapters.using(given.reference_adapter):
        for rows in _micro_batches([pairs[place] for place in places], settings.tokens_per_batch):
            own = [places[row] for row in rows]
            batch = _batch(given.model, [pairs[place] for place in own])
            found[own] = _log_probs(given.model, batch, settings.sampling.temperature).cpu()
            given.check()
    return found


def _update(
    learner: Learner, pairs: Sequence[Preference], reference: Tensor, nu: float, settings: Settings, given: Given
) -> dict[str, float]:
    """One pass over the pairs of an iteration in mini-batches."""
    losses, skipped = [], 0
    shifts = torch.zeros(len(pairs), 2)  # log pi - log pi_ref of chosen and rejected, read before each step
    for part in np.array_split(np.arange(len(pairs)), min(settings.minibatches, len(pairs))):
        given.check()
        learner.optimizer.zero_grad(set_to_none=True)
        loss, minibatch = 0.0, []
        for places in _micro_batches([pairs[row] for row in part], settings.tokens_per_batch):
            rows = part[places]
            own = [pairs[row] for row in rows]
            micro = MicroBatch(torch.tensor(rows), _batch(learner.model, own))
            moved = _log_probs(learner.model, micro.batch, settings.sampling.temperature)
            moved = moved - reference[rows].to(moved.device)
            share = _weighted_losses(moved, own, nu, settings).sum() / len(part)
            share.backward()
            loss += float(share.detach())
            shifts[rows] = moved.detach().cpu()
            minibatch.append(micro)
        losses.append(loss)
        skipped += guarded_step(
            learner, minibatch, {"preference_loss": loss}, settings.max_grad_norm, given.checkpoint_folder
        )
    taken = shifts.isfinite().all(1)  # what made a step be skipped is no figure to show
    return {
        **finite_mean("preference_loss", losses),
        **_figures(shifts[taken], [pair for pair, counts in zip(pairs, taken.tolist(), strict=True) if counts]),
        "skipped_steps": float(skipped),
    }


def _weighted_losses(shifts: Tensor, pairs: Sequence[Preference], nu: float, settings: Settings) -> Tensor:
    """(b, 2) log pi - log pi_ref of chosen and rejected -> (b,) losses, each times its pair's weight."""
    differences = settings.beta * (shifts[:, 0] - shifts[:, 1])
    ties = torch.tensor([pair.tie for pair in pairs], device=shifts.device)
    weights = torch.tensor([pair.weight for pair in pairs], device=shifts.device)
    return weights * preference_losses(differences, ties, nu, settings.label_smoothing)


def _figures(shifts: Tensor, pairs: Sequence[Preference]) -> dict[str, float]:
    """Of the decided pairs of an iteration, by their weights: the share that the policy has right (half of one
    within EQUAL_NATS), and how far it moved from the reference, nats."""
    weights = torch.tensor([0.0 if pair.tie else pair.weight for pair in pairs])
    if not weights.any():
        return {}
    shares = weights / weights.sum()
    margins = shifts[:, 0] - shifts[:, 1]
    equal = margins.abs() < EQUAL_NATS
    right = torch.where(equal, 0.5, (margins > 0).float())
    return {
        "preference_accuracy": float(shares @ right),
        "preference_margin_nats": float(shares @ margins),
        "chosen_shift_nats": float(shares @ shifts[:, 0]),
        "rejected_shift_nats": float(shares @ shifts[:, 1]),
    }


def _micro_batches(pairs: Sequence[Preference], tokens_per_batch: int) -> list[list[int]]:
    """Pairs of like length, so that both completions of each stay within the budget."""
    longer = [max(one.chosen_ids, one.rejected_ids, key=len) for one in pairs]
    return token_batches([one.prompt_ids for one in pairs], longer, tokens_per_batch // 2)


def _batch(model: LanguageModel, pairs: Sequence[Preference]) -> Batch:
    """The chosen completions, behind them the rejected ones in the same order."""
    completions = [pair.chosen_ids for pair in pairs] + [pair.rejected_ids for pair in pairs]
    return model.laid_out([pair.prompt_ids for pair in pairs] * 2, completions)


def _log_probs(model: LanguageModel, batch: Batch, temperature: float) -> Tensor:
    """(b, 2) log pi of each chosen and each rejected completion, summed over its tokens, nats."""
    return completion_pass(model, batch, temperature).log_probs.sum(1).view(2, -1).T
