"""Settings of the annotator model: frozen, checked when built, free of torch."""

from pydantic import BaseModel, ConfigDict, Field


class AnnotatorSettings(BaseModel):
    """How much each person's answers say about quality, learned with the reward."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    enabled: bool = Field(True, description="Whether answers weigh as their author's reliability says; else all alike.")
    reliable: float = Field(8.0, gt=0, le=1000, description="Prior answers that follow quality (Beta's first number).")
    unreliable: float = Field(2.0, gt=0, le=1000, description="Prior answers that do not (Beta's second number).")
    side_bias_sd: float = Field(0.5, gt=0, le=5, description="Prior spread of a person's lean to one side (logits).")
    iterations: int = Field(8, ge=1, le=100, description="Turns between people and reward at most.")
