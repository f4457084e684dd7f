"""Settings of adapters, sampling and how the machine computes: frozen, checked when built, free of torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["fp32", "bf16", "4bit"]
WantedPrecision = Literal["auto", "fp32", "bf16", "4bit"]
Switch = Literal["auto", "on", "off"]


class LoraSettings(BaseModel):
    """Low-rank adapters (Hu et al. 2021, https://arxiv.org/abs/2106.09685) on every linear layer but the output."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rank: int = Field(16, ge=1, le=256, description="Rank of the two LoRA matrices of each linear layer.")
    alpha: float = Field(32.0, gt=0, description="LoRA scale: the update is multiplied by alpha / rank.")


class SamplingSettings(BaseModel):
    """How completions are drawn. No top-k, top-p or repetition penalty: with them KL to the reference goes negative."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: float = Field(0.7, gt=0, le=5, description="Divides the logits in sampling, log-probs and KL alike.")
    max_new_tokens: int = Field(64, ge=1, le=4096, description="Tokens a completion may have before it is cut off.")
    batch_size: int = Field(64, ge=1, le=1024, description="Completions sampled together.")


class ComputeSettings(BaseModel):
    """How an update is computed. It changes what training takes, not what it learns (but for rounding)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    gradient_checkpointing: Switch = Field(
        "auto",
        description="Layers are computed again in the backward pass instead of kept: less memory, slower. "
        "auto: where memory is short.",
    )
    compile: Switch = Field(
        "auto",
        description="Layers go through torch.compile before an update; prompts that rows share are then read once for "
        "each row. auto: off.",
    )
