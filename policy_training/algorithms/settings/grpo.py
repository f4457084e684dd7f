"""Settings of GRPO."""

from pydantic import Field

from policy_training.settings import RewardedSettings


class Settings(RewardedSettings):
    """Group relative policy optimisation with a LoRA adapter."""

    samples_per_prompt: int = Field(8, ge=2, le=64, description="Completions of a prompt: the group.")
    prompts_per_step: int = Field(4, ge=1, le=4096, description="Prompts drawn an iteration.")
    epochs: int = Field(1, ge=1, le=32, description="Passes over the rollouts of an iteration.")
    clip: float = Field(0.2, gt=0, lt=1, description="The ratio is clipped to 1 +- this.")
    update_kl_target: float = Field(
        0.02, gt=0, description="An update ends once approx-KL a token passes 1.5 times this."
    )
