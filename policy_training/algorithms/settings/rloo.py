"""Settings of RLOO."""

from pydantic import Field

from policy_training.settings import RewardedSettings


class Settings(RewardedSettings):
    """REINFORCE with the leave-one-out baseline, with a LoRA adapter."""

    samples_per_prompt: int = Field(
        4, ge=2, le=64, description="Completions of a prompt; each is the others' baseline."
    )
    epochs: int = Field(1, ge=1, le=32, description="Passes over the rollouts of an iteration.")
    update_kl_target: float = Field(
        0.02, gt=0, description="An update ends once approx-KL a token passes 1.5 times this."
    )
