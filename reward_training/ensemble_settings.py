"""Settings of the heads beside the reward's own: frozen, checked when built, free of torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Combination = Literal["head", "mean", "worst", "mean-minus-variance"]


class EnsembleSettings(BaseModel):
    """Heads fitted to judgments drawn anew by prompt, on the features that they share."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    members: int = Field(0, ge=0, le=64, description="Heads beside the reward's own (0: none).")
