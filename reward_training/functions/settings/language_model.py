"""Settings of the reward function language_model."""

from typing import Literal

from pydantic import Field

from reward_training.reward_function import FunctionSettings


class Settings(FunctionSettings):
    measure: Literal["mean_log_prob", "perplexity"] = Field(
        "mean_log_prob", description="nats a token, or perplexity with its sign turned (less is better)"
    )
    most_perplexity: float = Field(1000.0, gt=1, le=1e6, description="a perplexity above counts as this one")
    longest: int = Field(512, ge=1, le=100_000, description="tokens of a completion that are read, from its start")
    tokens_per_batch: int = Field(1500, ge=64, description="tokens in one forward pass at most (memory)")
