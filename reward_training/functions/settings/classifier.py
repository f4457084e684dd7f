"""Settings of the reward function classifier."""

from pydantic import Field

from reward_training.reward_function import FunctionSettings


class Settings(FunctionSettings):
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="folder of the classifier in STUDY/models"
    )
    longest: int = Field(1024, ge=8, le=100_000, description="tokens of prompt and completion that are read")
    batch_size: int = Field(8, ge=1, le=512, description="texts in one forward pass")
