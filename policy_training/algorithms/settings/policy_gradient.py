"""Settings of policy gradient."""

from pydantic import Field

from policy_training.settings import TokenRewardedSettings


class Settings(TokenRewardedSettings):
    """REINFORCE with returns-to-go and a baseline, with a LoRA adapter."""

    samples_per_prompt: int = Field(
        4, ge=2, le=64, description="Completions of a prompt; each is the others' baseline."
    )
    minibatches: int = Field(1, ge=1, le=1, description="One optimiser step an iteration: no ratio corrects more.")
