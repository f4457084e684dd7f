"""Proximal policy optimisation of a LoRA adapter against a reward that comes in as a callable.

Source: Schulman et al. 2017, https://arxiv.org/abs/1707.06347, as applied to language by Ziegler et al. 2019,
https://arxiv.org/abs/1909.08593. Kept: clipped policy and value losses, GAE, KL to the reference in the reward with an
adaptive price, early stop of an update, several epochs of mini-batches. Left out: a value model of its own (the value
head reads the policy's top state), an entropy bonus (the KL keeps the policy spread), reward whitening (the reward is
normalised where it is trained). A completion that was cut off ends its episode and pays `truncation_penalty`.

An iteration: collect rollouts -> token rewards -> advantages -> epochs of mini-batches -> KL controller -> checkpoint
-> report. Every draw depends on (seed, iteration) alone and no global random state is used, so that a run resumed
from a checkpoint goes on as if it had never been cut.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from language_models.checkpoints import latest_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint
from language_models.errors import NonFiniteLoss, NothingToTrain
from language_models.heads import ScalarHead
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.pause_points import pause_point
from language_models.sampling import Sampled
from policy_training.advantages import generalised_advantages, leave_one_out_centred, masked_mean, whiten
from policy_training.kl import KLController, k3_per_sequence, kl_per_sequence, token_rewards
from policy_training.losses import approximate_kl, clipped, policy_losses, value_losses
from policy_training.records import OnStep, PromptItem, RewardFunction, StepReport
from policy_training.rollouts import MicroBatch, Rollouts, collect
from policy_training.settings import PPOSettings

ADAPTER, VALUE_HEAD = "adapter", "value_head.safetensors"
ADAM_EPSILON = 1e-5
NON_FINITE_IN_A_ROW = 3


@dataclass(frozen=True)
class TrainedPolicy:
    """The policy within the KL budget that was trained longest, `steps` updates after the start. `metrics` are of its
    own fresh samples.
    """

    model: LanguageModel
    adapter: str
    value_head: ScalarHead
    metrics: dict[str, float]
    steps: int
    stopped_early: str | None

    def save(self, folder: Path) -> None:
        """Writes the adapter in PEFT's layout into `folder`/adapter, and the value head beside it."""
        (folder / ADAPTER).mkdir()
        self.model.adapters.save(self.adapter, folder / ADAPTER)
        self.value_head.save(folder / VALUE_HEAD)


@dataclass
class Learner:
    """What changes while training runs: all of it is in each checkpoint."""

    model: LanguageModel
    adapter: str
    value_head: ScalarHead
    optimizer: torch.optim.Optimizer
    controller: KLController
    within_budget: dict[str, Tensor]  # adapter and head as they were when KL was last measured within the budget
    metrics_within_budget: dict[str, float] = field(default_factory=dict)
    steps_within_budget: int = 0
    skipped_in_a_row: int = 0

    def weights(self) -> dict[str, Tensor]:
        """The trained tensors by name, not copied."""
        head = {f"value_head.{name}": value for name, value in self.value_head.named_parameters()}
        return {**self.model.adapters.parameters(self.adapter), **head}

    def put_back(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, value in self.weights().items():
                value.copy_(weights[name])

    def remember(self, step: int, metrics: dict[str, float]) -> None:
        self.within_budget = {name: value.detach().clone() for name, value in self.weights().items()}
        self.metrics_within_budget, self.steps_within_budget = metrics, step


def train(
    model: LanguageModel,
    prompts: Sequence[PromptItem],
    reward: RewardFunction,
    settings: PPOSettings,
    *,
    start_folder: Path | None,
    reference_adapter: str | None,
    checkpoint_folder: Path,
    on_step: OnStep,
    adapter: str = "trained-policy",
) -> TrainedPolicy:
    """Trains `adapter` from the policy in `start_folder` (None: from the base) and returns the best kept one.

    `reference_adapter` names a loaded adapter (None: the base). Goes on from the newest checkpoint in
    `checkpoint_folder`, and reports the iteration that it closed once more: a kill may have come between the two.
    Stops before its last iteration once KL a sequence passes the budget; the policy before that is returned then.
    Raises NonFiniteLoss after three bad losses in a row, with the mini-batch saved beside the checkpoints.
    """
    if not prompts:
        raise NothingToTrain("there are no prompts to train on; import prompts, or lower the hold-out share")
    learner = _learner(model, adapter, settings, start_folder)
    stopped = None
    with model.adapters.training(adapter):
        done, report = _resume(learner, checkpoint_folder, settings.steps)
        if report is not None:
            on_step(report)
        for step in range(done, settings.steps + 1):  # the last pass only measures what the last update made
            began = time.monotonic()
            rollouts = collect(model, adapter, reference_adapter, learner.value_head, prompts, reward, settings, step)
            metrics = describe(rollouts) | {"beta": learner.controller.beta}
            sampled_at = time.monotonic()
            if metrics["kl_nats"] > settings.kl_budget_nats:
                if not learner.within_budget:
                    raise NothingToTrain(
                        f"the policy that this run starts from is at {metrics['kl_nats']:.2f} nats of KL already, past "
                        f"the budget of {settings.kl_budget_nats:g}: raise ppo.kl_budget_nats, or start from an "
                        "earlier policy"
                    )
                stopped = (
                    f"KL {metrics['kl_nats']:.2f} passed the budget of {settings.kl_budget_nats} nats at step {step}"
                )
                learner.put_back(learner.within_budget)
                on_step(StepReport(step, settings.steps, metrics))
                break
            learner.remember(step, metrics)
            if step < settings.steps:
                metrics |= _update(learner, rollouts, settings, step, checkpoint_folder)
                learner.controller = learner.controller.after(metrics["kl_nats"], len(rollouts.items))
                metrics |= {"seconds_collect": sampled_at - began, "seconds_update": time.monotonic() - sampled_at}
                if (step + 1) % settings.checkpoint_every == 0:
                    _save(learner, checkpoint_folder, step + 1)
            on_step(StepReport(step, settings.steps, metrics, _shown(rollouts)))
    return TrainedPolicy(
        model, adapter, learner.value_head, learner.metrics_within_budget, learner.steps_within_budget, stopped
    )


def describe(rollouts: Rollouts) -> dict[str, float]:
    """Means over the rollouts: scores, KL a sequence (nats), entropy a token (nats), length in tokens, share cut
    off."""
    kl = kl_per_sequence(rollouts.log_probs, rollouts.reference, rollouts.mask)
    k3 = k3_per_sequence(rollouts.log_probs, rollouts.reference, rollouts.mask)
    return {
        "score": float(rollouts.scores.mean()),
        "score_sd": float(rollouts.scores.std(unbiased=False)),
        "kl_nats": float(kl.mean()),
        "kl_k3_nats": float(k3.mean()),
        "entropy_nats": float(masked_mean(rollouts.entropy, rollouts.mask)),
        "length_tokens": float(rollouts.mask.sum(1).float().mean()),
        "cut_off": sum(not sampled.finished for sampled in rollouts.sampled) / len(rollouts.sampled),
        "empty": sum(not sampled.text.strip() for sampled in rollouts.sampled) / len(rollouts.sampled),
    }


def _learner(model: LanguageModel, adapter: str, settings: PPOSettings, start_folder: Path | None) -> Learner:
    head = ScalarHead(model.hidden_size)
    if start_folder is None:
        model.adapters.add(adapter, settings.lora, settings.seed)
    else:
        model.adapters.load(adapter, start_folder / ADAPTER)
        if (start_folder / VALUE_HEAD).is_file():
            head = ScalarHead.load(start_folder / VALUE_HEAD)
    head = head.to(model.device)
    groups = [
        {"params": list(model.adapters.parameters(adapter).values()), "lr": settings.learning_rate},
        {"params": list(head.parameters()), "lr": settings.value_learning_rate},
    ]
    optimizer = torch.optim.Adam(groups, eps=ADAM_EPSILON)
    controller = KLController(settings.kl_coefficient, settings.kl_target_nats, settings.kl_horizon)
    return Learner(model, adapter, head, optimizer, controller, within_budget={})


def _resume(learner: Learner, folder: Path, steps: int) -> tuple[int, StepReport | None]:
    """Puts the newest valid checkpoint's state into the learner; returns how many iterations it has behind it, and the
    report of the last of them.
    """
    checkpoint = latest_checkpoint(folder)
    if checkpoint is None:
        return 0, None
    learner.put_back(checkpoint.group("weights"))
    learner.within_budget = checkpoint.group("within_budget")
    learner.metrics_within_budget = checkpoint.state["metrics_within_budget"]
    # A checkpoint is written in the iteration that measured its policy within the budget, with that one's metrics.
    learner.steps_within_budget = checkpoint.step - 1
    restore_optimizer(learner.optimizer, checkpoint.group("optimizer"))
    controller = learner.controller
    learner.controller = KLController(checkpoint.state["beta"], controller.target_nats, controller.horizon)
    learner.skipped_in_a_row = checkpoint.state["skipped_in_a_row"]
    return checkpoint.step, StepReport(checkpoint.step - 1, steps, learner.metrics_within_budget)


def _save(learner: Learner, folder: Path, step: int) -> None:
    groups = {
        "weights": learner.weights(),
        "within_budget": learner.within_budget,
        "optimizer": optimizer_tensors(learner.optimizer),
    }
    state = {
        "beta": learner.controller.beta,
        "metrics_within_budget": learner.metrics_within_budget,
        "skipped_in_a_row": learner.skipped_in_a_row,
    }
    save_checkpoint(folder, step, groups, state)


def _shown(rollouts: Rollouts, count: int = 2) -> list[tuple[PromptItem, Sampled, float]]:
    return list(zip(rollouts.items[:count], rollouts.sampled[:count], rollouts.scores[:count].tolist(), strict=True))


def _update(learner: Learner, rollouts: Rollouts, settings: PPOSettings, step: int, folder: Path) -> dict[str, float]:
    """Several epochs over the rollouts; ends early once approx-KL passes 1.5 times its target."""
    finished = torch.tensor([sampled.finished for sampled in rollouts.sampled])
    scores = rollouts.scores - settings.truncation_penalty * (~finished)
    if settings.centre_scores:
        scores = leave_one_out_centred(scores, [item.id for item in rollouts.items])
    rewards = token_rewards(scores, rollouts.log_probs, rollouts.reference, rollouts.mask, learner.controller.beta)
    advantages, returns = generalised_advantages(
        rewards, rollouts.values, rollouts.mask, settings.discount, settings.gae_lambda
    )
    advantages = whiten(advantages, rollouts.mask)
    share = 1 - (1 - settings.final_learning_rate_share) * step / settings.steps
    for group, rate in zip(
        learner.optimizer.param_groups, (settings.learning_rate, settings.value_learning_rate), strict=True
    ):
        group["lr"] = rate * share
    seen: list[dict[str, float]] = []
    skipped = 0
    for epoch in range(settings.epochs):
        for minibatch in rollouts.minibatches:
            figures = _minibatch_gradient(learner, minibatch, rollouts, advantages, returns, settings)
            if figures["approx_kl"] > 1.5 * settings.update_kl_target:
                learner.optimizer.zero_grad(set_to_none=True)
                return _summary(seen or [figures], rewards, epoch, skipped, rollouts, returns)
            seen.append(figures)
            skipped += _guarded_step(learner, minibatch, figures, settings, folder)
    return _summary(seen, rewards, settings.epochs, skipped, rollouts, returns)


def _minibatch_gradient(
    learner: Learner,
    minibatch: Sequence[MicroBatch],
    rollouts: Rollouts,
    advantages: Tensor,
    returns: Tensor,
    settings: PPOSettings,
) -> dict[str, float]:
    """Leaves the gradient of the mini-batch's mean loss a token in the parameters; micro-batches only save memory."""
    learner.optimizer.zero_grad(set_to_none=True)
    tokens = sum(int(micro.batch.completion_mask.sum()) for micro in minibatch)
    sums = dict.fromkeys(("policy_loss", "value_loss", "approx_kl", "clip_fraction"), 0.0)
    for micro in minibatch:
        mask = micro.batch.completion_mask
        old, old_values, advantage, target = (
            whole[micro.rows, : mask.shape[1]].to(mask.device)
            for whole in (rollouts.log_probs, rollouts.values, advantages, returns)
        )
        new = completion_pass(learner.model, micro.batch, settings.sampling.temperature)
        values = learner.value_head(new.states)
        policy = (policy_losses(new.log_probs, old, advantage, settings.clip) * mask).sum() / tokens
        value = (value_losses(values, old_values, target, settings.value_clip) * mask).sum() / tokens
        (policy + settings.value_coefficient * value).backward()
        with torch.no_grad():
            sums["policy_loss"] += float(policy)
            sums["value_loss"] += float(value)
            sums["approx_kl"] += float((approximate_kl(new.log_probs, old) * mask).sum() / tokens)
            sums["clip_fraction"] += float((clipped(new.log_probs, old, settings.clip) & mask).sum() / tokens)
    return sums


def _guarded_step(
    learner: Learner, minibatch: Sequence[MicroBatch], figures: dict[str, float], settings: PPOSettings, folder: Path
) -> int:
    """Takes the optimiser step unless loss or gradient is not finite; returns 1 for a skipped step.

    Three in a row raise NonFiniteLoss; weights and mini-batch are saved for whoever wants to look.
    """
    parameters = [parameter for group in learner.optimizer.param_groups for parameter in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
    pause_point("inside-optimiser-step")
    if torch.isfinite(norm) and all(abs(value) < float("inf") for value in figures.values()):
        learner.optimizer.step()
        learner.skipped_in_a_row = 0
        return 0
    learner.optimizer.zero_grad(set_to_none=True)
    learner.skipped_in_a_row += 1
    if learner.skipped_in_a_row >= NON_FINITE_IN_A_ROW:
        folder.mkdir(parents=True, exist_ok=True)
        saved = {name: value.detach().cpu().contiguous() for name, value in learner.weights().items()}
        saved |= {f"input_ids.{index}": micro.batch.input_ids.cpu() for index, micro in enumerate(minibatch)}
        save_file(saved, folder / "non-finite.safetensors")
        raise NonFiniteLoss(
            f"loss or gradient was not finite {NON_FINITE_IN_A_ROW} times in a row ({figures}); "
            "try a lower learning rate. Weights and batch are in non-finite.safetensors beside the checkpoints"
        )
    return 1


def _summary(
    seen: list[dict[str, float]], rewards: Tensor, epochs: int, skipped: int, rollouts: Rollouts, returns: Tensor
) -> dict[str, float]:
    means = {name: sum(figures[name] for figures in seen) / len(seen) for name in seen[0]}
    residual = masked_mean((returns - rollouts.values) ** 2, rollouts.mask)
    spread = masked_mean((returns - masked_mean(returns, rollouts.mask)) ** 2, rollouts.mask)
    return means | {
        "reward": float(rewards.sum(1).mean()),
        "epochs": float(epochs),
        "skipped_steps": float(skipped),
        "explained_variance": float(1 - residual / (spread + 1e-8)),
    }
