"""Settings of actor-critic."""

from typing import ClassVar

from pydantic import Field

from policy_training.settings import TokenRewardedSettings


class Settings(TokenRewardedSettings):
    """Advantage actor-critic with n-step returns, with a LoRA adapter."""

    minibatches: int = Field(1, ge=1, le=1, description="One optimiser step an iteration: no ratio corrects more.")
    n_steps: int = Field(16, ge=1, le=4096, description="Rewards of a return before the value takes over; 1 is TD(0).")
    value_learning_rate: float = Field(1e-3, gt=0, lt=1, description="Adam's step for the value head.")
    value_coefficient: float = Field(0.1, ge=0, description="Weight of the value loss.")

    has_values: ClassVar[bool] = True
