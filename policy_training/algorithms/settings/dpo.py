"""Settings of DPO."""

from pydantic import Field

from policy_training.settings import TrainingSettings


class Settings(TrainingSettings):
    """Direct preference optimisation with a LoRA adapter; rollouts only measure, so fewer are drawn."""

    prompts_per_step: int = Field(4, ge=1, le=4096, description="Prompts drawn an iteration, to measure on.")
    minibatches: int = Field(4, ge=1, le=64, description="Optimiser steps an iteration.")
    pairs_per_step: int = Field(64, ge=1, le=100_000, description="Judged pairs trained on in an iteration.")
    beta: float = Field(0.1, gt=0, le=100, description="Strength of the tie to the reference: higher stays closer.")
    tie_nu: float | None = Field(
        None, gt=0, le=100, description="Davidson's nu, how readily people tie; none: by the share of ties."
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="Share of decided pairs taken as given the wrong way round."
    )
