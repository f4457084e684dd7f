"""What changes while a policy is trained: all of it is in each checkpoint, so that a cut run ends as an uncut one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from language_models.checkpoints import latest_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint
from language_models.errors import ForeignCheckpoint, NothingToTrain
from language_models.heads import ScalarHead
from language_models.model import LanguageModel
from policy_training.guards import Reading, Readings
from policy_training.kl import KLController
from policy_training.records import Given
from policy_training.settings import RewardedSettings, TrainingSettings

ADAPTER, VALUE_HEAD = "adapter", "value_head.safetensors"
ADAM_EPSILON = 1e-5


@dataclass(frozen=True)
class TrainedPolicy:
    """The policy that was kept (iterations.py), `steps` iterations after the start. `metrics` are of its own fresh
    samples. `value_head` is None where the algorithm has none. `stopped_early`: why, in words. `unchanged`: it is no
    other than the policy that the run started from, for no step was kept, or none moved a weight.
    """

    model: LanguageModel
    adapter: str
    value_head: ScalarHead | None
    metrics: dict[str, float]
    steps: int
    stopped_early: str | None
    unchanged: bool

    def save(self, folder: Path) -> None:
        """Writes the adapter in PEFT's layout into `folder`/adapter, and the value head beside it."""
        (folder / ADAPTER).mkdir()
        self.model.adapters.save(self.adapter, folder / ADAPTER)
        if self.value_head is not None:
            self.value_head.save(folder / VALUE_HEAD)


@dataclass
class Learner:
    """A policy under training, with the one of its earlier selves that is kept."""

    model: LanguageModel
    adapter: str
    value_head: ScalarHead | None
    optimizer: torch.optim.Optimizer
    controller: KLController
    made_with: dict[str, Any]  # the algorithm and its settings, which a checkpoint has to be of
    frozen: int = 0  # of the lowest layers, which are not trained
    kept: dict[str, Tensor] = field(default_factory=dict)  # weights of the policy that is returned so far
    kept_metrics: dict[str, float] = field(default_factory=dict)
    kept_steps: int = 0
    has_moved: bool = False  # whether what is kept is another policy than the start
    skipped_in_a_row: int = 0
    best_held_out: list[float] = field(default_factory=list)  # scores on the held-out prompts, of highest mean so far
    best_proxy: Reading | None = None  # of the policy that they are of: its score in training
    usual_readings: Readings | None = None  # of the reference policy: what alarms are held against
    stopped: str | None = None

    @classmethod
    def start(cls, given: Given, settings: TrainingSettings, *, value_learning_rate: float | None = None) -> Learner:
        """The adapter of the starting policy, or a new one; with a value head where it has a learning rate. Raises
        NothingToTrain where that adapter changes frozen layers alone."""
        model, adapter, frozen = given.model, given.adapter, frozen_layers(given.model, settings)
        if given.start_folder is None:
            model.adapters.add(adapter, settings.lora, settings.seed, frozen_layers=frozen)
        else:
            model.adapters.load(adapter, given.start_folder / ADAPTER)
        trained = list(model.adapters.parameters(adapter, from_layer=frozen).values())
        if not trained:
            raise NothingToTrain(
                f"frozen_share = {settings.frozen_share:g} leaves the lowest {frozen} of {model.layers} layers as they "
                "are, and the adapter that this run starts from changes no other: lower frozen_share, or start from "
                "another policy"
            )
        groups: list[dict[str, Any]] = [{"params": trained, "full_rate": settings.learning_rate}]
        head = None
        if value_learning_rate is not None:
            head = _value_head(model, given.start_folder)
            groups.append({"params": list(head.parameters()), "full_rate": value_learning_rate})
        optimizer = torch.optim.Adam(groups, lr=settings.learning_rate, eps=ADAM_EPSILON)
        return cls(model, adapter, head, optimizer, _controller(settings), _made_with(settings), frozen)

    @contextmanager
    def training(self) -> Iterator[None]:
        """Inside, the adapter is in use, and what it does to layers that are not frozen wants gradients."""
        with self.model.adapters.training(self.adapter, from_layer=self.frozen):
            yield

    @property
    def changes_frozen_layers(self) -> bool:
        """Whether the adapter has a part on frozen layers, which stays as it started."""
        return self.frozen > 0 and self.model.adapters.lowest_layer(self.adapter) < self.frozen

    def weights(self) -> dict[str, Tensor]:
        """The tensors of the adapter, also of layers that are frozen, and of the value head by name, not copied."""
        head = self.value_head.named_parameters() if self.value_head is not None else ()
        return {
            **self.model.adapters.parameters(self.adapter),
            **{f"value_head.{name}": value for name, value in head},
        }

    def put_back(self, weights: dict[str, Tensor]) -> None:
        """Takes over tensors as `weights` gave them."""
        with torch.no_grad():
            for name, value in self.weights().items():
                value.copy_(weights[name])

    def remember(self, step: int, metrics: dict[str, float], held_out: list[float], proxy: Reading | None) -> None:
        """Keep the policy as it is now, `step` updates after the start: it is returned if no later one is kept. Of
        `metrics` a copy is kept, since an iteration adds what the update away from this policy was like."""
        if held_out and (not self.best_held_out or fmean(held_out) >= fmean(self.best_held_out)):
            self.best_held_out, self.best_proxy = held_out, proxy
        own = self.model.adapters.parameters(self.adapter)
        self.has_moved |= any(
            not torch.equal(self.kept.get(name, one).to(one.device), one) for name, one in own.items()
        )
        self.kept = {name: value.detach().clone() for name, value in self.weights().items()}
        self.kept_metrics, self.kept_steps = dict(metrics), step

    def decay_rates(self, step: int, settings: TrainingSettings) -> None:
        """Learning rates fall linearly from the full ones to the settings' final share of them, which they would have
        one step after the last."""
        share = 1 - (1 - settings.final_learning_rate_share) * step / settings.steps
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_rate"] * share

    def kept_policy(self) -> TrainedPolicy:
        """The policy that was kept, put back into the adapter."""
        self.put_back(self.kept)
        return TrainedPolicy(
            self.model, self.adapter, self.value_head, self.kept_metrics, self.kept_steps, self.stopped,
            unchanged=not self.has_moved,
        )  # fmt: skip

    def save(self, folder: Path, step: int, report: dict[str, Any]) -> None:
        """Writes a checkpoint after `step` iterations; `report` is what is told of the last of them."""
        groups = {"weights": self.weights(), "kept": self.kept, "optimizer": optimizer_tensors(self.optimizer)}
        state = {
            "made_with": self.made_with,
            "beta": self.controller.beta,
            "report": report,
            "kept_metrics": self.kept_metrics,
            "kept_steps": self.kept_steps,
            "has_moved": self.has_moved,
            "best_held_out": self.best_held_out,
            "best_proxy": asdict(self.best_proxy) if self.best_proxy else None,
            "usual_readings": asdict(self.usual_readings) if self.usual_readings else None,
            "skipped_in_a_row": self.skipped_in_a_row,
        }
        save_checkpoint(folder, step, groups, state)

    def resume(self, folder: Path) -> tuple[int, dict[str, Any] | None]:
        """Takes over the newest valid checkpoint; returns how many iterations it has behind it, and what was told of
        the last of them (0 and None where there is none). Raises ForeignCheckpoint where it is of other work.
        """
        checkpoint = latest_checkpoint(folder)
        if checkpoint is None:
            return 0, None
        self._require_same_work(checkpoint.state.get("made_with", {}), folder)
        self.put_back(checkpoint.group("weights"))
        self.kept = checkpoint.group("kept")
        self.kept_metrics, self.kept_steps = checkpoint.state["kept_metrics"], checkpoint.state["kept_steps"]
        self.has_moved = checkpoint.state.get("has_moved", self.kept_steps > 0)  # a version before did not tell
        restore_optimizer(self.optimizer, checkpoint.group("optimizer"))
        self.controller = KLController(checkpoint.state["beta"], self.controller.target_nats, self.controller.horizon)
        best = checkpoint.state["best_proxy"]
        usual = checkpoint.state.get("usual_readings")  # None in those of a version before
        self.best_held_out, self.best_proxy = checkpoint.state["best_held_out"], Reading(**best) if best else None
        self.usual_readings = Readings.told(usual) if usual else None
        self.skipped_in_a_row = checkpoint.state["skipped_in_a_row"]
        return checkpoint.step, checkpoint.state["report"]

    def _require_same_work(self, theirs: Mapping[str, Any], folder: Path) -> None:
        if not theirs:
            raise ForeignCheckpoint(
                f"The checkpoints in {folder.name!r} do not say what training they are of: another version wrote them. "
                "Begin anew with an empty folder"
            )
        differing = sorted(name for name in {*theirs, *self.made_with} if theirs.get(name) != self.made_with.get(name))
        if differing:
            told = ", ".join(f"{name} {theirs.get(name)} and not {self.made_with.get(name)}" for name in differing)
            raise ForeignCheckpoint(
                f"The checkpoints in {folder.name!r} are of another training ({told}): take its settings to go on from "
                "them, or an empty folder to begin anew"
            )


def frozen_layers(model: LanguageModel, settings: TrainingSettings) -> int:
    """How many of the lowest layers are not trained; the uppermost always is."""
    return min(model.layers - 1, round(settings.frozen_share * model.layers))


def _value_head(model: LanguageModel, start_folder: Path | None) -> ScalarHead:
    path = start_folder / VALUE_HEAD if start_folder else None
    head = ScalarHead.load(path) if path and path.is_file() else ScalarHead(model.hidden_size)
    return head.to(model.device)


def _made_with(settings: TrainingSettings) -> dict[str, Any]:
    """The algorithm by the name of its settings' file, and its settings as JSON has them."""
    return {"algorithm": type(settings).__module__.rpartition(".")[2], **settings.model_dump(mode="json")}


def _controller(settings: TrainingSettings) -> KLController:
    """Where KL has no price it stays free of charge."""
    if isinstance(settings, RewardedSettings):
        return KLController(settings.kl_coefficient, settings.kl_target_nats, settings.kl_horizon)
    return KLController(0.0, 1.0, 1)
