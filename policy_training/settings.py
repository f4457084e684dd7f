"""What the settings of every algorithm have in common: frozen, checked when built, free of torch.

An algorithm's own are algorithms/settings/NAME.py; its defaults there win over those here. What contradicts another
setting is refused under a key, from which pages say it in other languages (ui/static/languages/*.json).
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from language_models.settings import LoraSettings, SamplingSettings


class GuardSettings(BaseModel):
    """What watches the policy while it is trained; limits of collapse are fixed (guards.py)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    held_out_every: int = Field(
        2,
        ge=0,
        le=1000,
        description="Iterations between looks at held-out prompts (past half of the KL budget each has one); 0: none, "
        "the last policy without an alarm counts.",
    )
    entropy_floor: float = Field(0.3, ge=0, le=1, description="Share of the reference's entropy that has to stay.")
    stop: bool = Field(
        True, description="Whether an alarm ends the training; the KL budget always does, cut_off never."
    )


class TrainingSettings(BaseModel):
    """An iteration draws rollouts, measures them, and updates the policy; every default has its reason in
    docs/how-it-works.md."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(5, ge=1, le=100_000, description="Iterations: sample, score, update.")
    prompts_per_step: int = Field(8, ge=1, le=4096, description="Prompts drawn an iteration.")
    samples_per_prompt: int = Field(4, ge=1, le=64, description="Completions sampled for each prompt.")
    minibatches: int = Field(2, ge=1, le=64, validate_default=True, description="Optimiser steps an epoch.")
    learning_rate: float = Field(3e-4, gt=0, lt=1, description="Adam's step for the adapter, decayed linearly.")
    final_learning_rate_share: float = Field(
        0.1, ge=0, le=1, description="Share of the learning rates to which they fall; reached one step after the last."
    )
    kl_budget_nats: float = Field(5.0, gt=0, description="KL to the reference a sequence at which training stops.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    frozen_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the layers, from the lowest up, that are not trained: faster, less memory; algorithms on "
        "rollouts keep what they compute for all epochs.",
    )
    tokens_per_batch: int = Field(650, ge=64, description="Tokens in one micro-batch at most (memory).")
    checkpoint_every: int = Field(1, ge=1, description="Iterations between checkpoints.")
    guards: GuardSettings = Field(GuardSettings(), description="What watches the policy while it is trained.")
    seed: int = Field(
        0, ge=0, lt=2**63, description="Draws of prompts, completions, mini-batches, and the adapter's start."
    )
    lora: LoraSettings = Field(LoraSettings(), description="The policy's adapter, where it does not start from one.")
    sampling: SamplingSettings = Field(SamplingSettings(), description="One temperature for sampling and log-probs.")


class RewardedSettings(TrainingSettings):
    """Algorithms that raise a reward while paying for KL to the reference."""

    kl_coefficient: float = Field(0.1, ge=0, description="Beta at the start: price of a nat of KL, in score units.")
    kl_target_nats: float = Field(
        3.0,
        gt=0,
        validate_default=True,
        description="KL to the reference a sequence that the controller steers to, in each run anew from "
        "kl_coefficient.",
    )
    kl_horizon: int = Field(
        200,
        ge=1,
        description="Completions over which the controller acts: with 200, and 32 an iteration, beta changes by about "
        "3 % an iteration at most.",
    )
    truncated: Literal["penalty", "leave_out", "bootstrap"] = Field(
        "penalty", description="What a completion that was cut off is: an end that costs, nothing, or one that goes on."
    )
    truncation_penalty: float = Field(
        2.0, ge=0, description="Taken off the score of a completion that was cut off, where that is an end that costs."
    )

    has_values: ClassVar[bool] = False  # whether there is a value head, which says what a state is worth

    @field_validator("minibatches")
    @classmethod
    def _rows_for_every_minibatch(cls, minibatches: int, info: ValidationInfo) -> int:
        prompts, samples = info.data.get("prompts_per_step"), info.data.get("samples_per_prompt")
        if prompts and samples and minibatches > prompts * samples:  # None where they are wrong themselves
            raise PydanticCustomError(
                "fault.too_many_minibatches",
                "minibatches = {minibatches} is more than the completions of an iteration, {prompts} prompts x "
                "{samples} samples: use 1 to {most}, or more prompts.",
                {"minibatches": minibatches, "prompts": prompts, "samples": samples, "most": prompts * samples},
            )
        return minibatches

    @field_validator("kl_target_nats")
    @classmethod
    def _target_within_the_budget(cls, target: float, info: ValidationInfo) -> float:
        budget = info.data.get("kl_budget_nats")
        if budget is not None and target > budget:
            raise PydanticCustomError(
                "fault.target_above_budget",
                "kl_target_nats = {target} is above kl_budget_nats = {budget}, so training would be steered to where "
                "it has to stop: use a target of at most {budget}, or a larger budget.",
                {"target": f"{target:g}", "budget": f"{budget:g}"},
            )
        return target

    @field_validator("truncated")
    @classmethod
    def _bootstrap_needs_values(cls, truncated: str) -> str:
        if truncated == "bootstrap" and not cls.has_values:
            raise PydanticCustomError(
                "fault.no_value_head",
                "'bootstrap' puts the value head's word in place of what was cut off, and this algorithm has no value "
                "head: use penalty or leave_out.",
            )
        return truncated


class TokenRewardedSettings(RewardedSettings):
    """Algorithms that see a reward at each token, so that a shaping reward tells them something."""

    discount: float = Field(1.0, gt=0, le=1, description="Gamma of the return, a token.")


class DemonstrationSettings(TrainingSettings):
    """Algorithms that imitate: which of what people said is a demonstration, and what it counts."""

    demonstrations: Literal["both", "improved", "chosen"] = Field(
        "both", description="What is imitated: completions that people improved, those that they chose, or both."
    )
    improved_weight: float = Field(
        2.0, gt=0, le=1000, description="What an improved completion counts beside one that was chosen once."
    )


class MixedImitationSettings(DemonstrationSettings):
    """Algorithms that may imitate beside what they do."""

    imitation_coefficient: float = Field(
        0.0, ge=0, le=100, description="Weight of the imitation of demonstrations beside the policy loss; 0: none."
    )
    imitation_batch: int = Field(
        8, ge=1, le=4096, description="Demonstrations imitated in each optimiser step, where imitation has a weight."
    )
