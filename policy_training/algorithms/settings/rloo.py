"""Settings of RLOO."""

from pydantic import Field

from policy_training.settings import RewardedSettings


class Settings(RewardedSettings):
    """REINFORCE with the leave-one-out baseline, with a LoRA adapter."""

    learning_rate: float = Field(
        5e-4, gt=0, lt=1, description="Adam's step for the adapter; final_learning_rate_share says whether it decays."
    )
    final_learning_rate_share: float = Field(
        1.0, ge=0, le=1, description="Share of the learning rates to which they fall; 1: no decay."
    )
    truncation_penalty: float = Field(
        4.0, ge=0, description="Taken off the score of a completion that was cut off, where that is an end that costs."
    )
    samples_per_prompt: int = Field(
        4, ge=2, le=64, description="Completions of a prompt; each is the others' baseline."
    )
    epochs: int = Field(1, ge=1, le=32, description="Passes over the rollouts of an iteration.")
    update_kl_target: float = Field(
        0.02, gt=0, description="An update ends once approx-KL a token passes 1.5 times this."
    )
