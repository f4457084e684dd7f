"""Settings of reward training: frozen, checked when built, free of torch."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from language_models.settings import LoraSettings
from reward_training.annotator_settings import AnnotatorSettings
from reward_training.ensemble_settings import EnsembleSettings
from reward_training.loss_settings import LossSettings, split_by_commas

Ridge = Annotated[float, Field(gt=0, le=1e6)]


class RewardSettings(BaseModel):
    """A Bradley-Terry reward: a linear head on averaged features, fitted first; then the LoRA adapter under it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    depth: float = Field(2 / 3, gt=0, le=1, description="Share of the base's layers, from below, that the reward uses.")
    lora: LoraSettings = Field(LoraSettings(), description="The reward's own adapter.")
    frozen_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of those layers, from below, that the adapter leaves alone: faster, less memory.",
    )
    epochs: int = Field(
        1,
        ge=0,
        le=100,
        description="Passes over the training pairs by which the adapter is trained under the head (0: head only).",
    )
    learning_rate: float = Field(1e-4, gt=0, lt=1, description="Adam's step for the adapter, decayed linearly to 0.")
    pairs_per_step: int = Field(8, ge=1, le=512, description="Pairs in one optimiser step.")
    head_l2: Annotated[tuple[Ridge, ...], BeforeValidator(split_by_commas)] = Field(
        (0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
        min_length=1,
        description="Ridge strengths tried for the head; cross-validation over prompts picks one.",
    )
    loss: LossSettings = Field(LossSettings(), description="Margins, smoothing, both bad.")
    annotators: AnnotatorSettings = Field(AnnotatorSettings(), description="Reliability and side bias of people.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    tokens_per_batch: int = Field(512, ge=64, description="Tokens whose states are in memory at a time, about.")
    tokens_per_text: int = Field(
        2048,
        ge=64,
        description="Tokens read of a prompt with its completion: the prompt's last ones, the completion's first ones.",
    )
    ensemble: EnsembleSettings = Field(EnsembleSettings(), description="Further heads on the same features.")
    seed: int = Field(0, ge=0, lt=2**63, description="Order of the pairs and the adapter's start.")
