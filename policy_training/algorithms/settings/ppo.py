"""Settings of PPO."""

from typing import ClassVar

from pydantic import Field

from policy_training.settings import MixedImitationSettings, TokenRewardedSettings


class Settings(TokenRewardedSettings, MixedImitationSettings):
    """Proximal policy optimisation with a LoRA adapter."""

    learning_rate: float = Field(
        5e-4, gt=0, lt=1, description="Adam's step for the adapter; final_learning_rate_share says whether it decays."
    )
    final_learning_rate_share: float = Field(
        1.0, ge=0, le=1, description="Share of the learning rates to which they fall; 1: no decay."
    )
    epochs: int = Field(2, ge=1, le=32, description="Passes over the rollouts of an iteration.")
    value_learning_rate: float = Field(1e-3, gt=0, lt=1, description="Adam's step for the value head.")
    clip: float = Field(0.2, gt=0, lt=1, description="The ratio is clipped to 1 +- this.")
    value_clip: float = Field(0.2, gt=0, description="A value may move this far from its old one.")
    value_coefficient: float = Field(0.1, ge=0, description="Weight of the value loss.")
    gae_lambda: float = Field(0.95, ge=0, le=1, description="Lambda of generalised advantage estimation.")
    update_kl_target: float = Field(
        0.02, gt=0, description="An update ends once approx-KL a token passes 1.5 times this."
    )
    centre_scores: bool = Field(True, description="Take the mean of the prompt's other samples off each score.")

    has_values: ClassVar[bool] = True
