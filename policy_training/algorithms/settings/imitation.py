"""Settings of imitation."""

from pydantic import Field

from policy_training.settings import DemonstrationSettings


class Settings(DemonstrationSettings):
    """Supervised training on demonstrations; rollouts only measure, so fewer are drawn."""

    prompts_per_step: int = Field(4, ge=1, le=4096, description="Prompts drawn an iteration, to measure on.")
    minibatches: int = Field(4, ge=1, le=64, description="Optimiser steps an iteration.")
    demonstrations_per_step: int = Field(64, ge=1, le=100_000, description="Demonstrations trained on an iteration.")
