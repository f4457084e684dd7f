"""Settings of the reward's training loss: frozen, checked when built, free of torch."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Margin = Annotated[float, Field(ge=0, le=10)]


def split_by_commas(value: Any) -> Any:
    """Lets `0, 0.5, 1` stand for a list of numbers on the command line."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class LossSettings(BaseModel):
    """What shapes the training loss. Reported figures never use it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    margins: Annotated[tuple[Margin, ...], BeforeValidator(split_by_commas)] = Field(
        (0.33, 0.67, 1.0),
        min_length=3,
        max_length=3,
        description="Lead (logits) wanted of an answer of strength slightly, better, much; 0, 0, 0: none.",
    )
    smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="Share of decided answers taken as given the wrong way round."
    )
    both_bad: float = Field(
        0.25, ge=0, le=10, description="Weight of 'both bad' as two losses to the average reference text; 0: a tie."
    )
