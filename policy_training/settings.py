"""Settings of policy training: frozen, checked when built, free of torch."""

from pydantic import BaseModel, ConfigDict, Field

from language_models.settings import LoraSettings, SamplingSettings


class PPOSettings(BaseModel):
    """Proximal policy optimisation with a LoRA adapter; every default has its reason in docs/how-it-works.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(5, ge=1, le=100_000, description="Iterations: sample, score, update.")
    prompts_per_step: int = Field(8, ge=1, le=4096, description="Prompts drawn an iteration.")
    samples_per_prompt: int = Field(4, ge=1, le=64, description="Completions sampled for each prompt.")
    epochs: int = Field(2, ge=1, le=32, description="Passes over the rollouts of an iteration.")
    minibatches: int = Field(2, ge=1, le=64, description="Optimiser steps an epoch.")
    learning_rate: float = Field(3e-4, gt=0, lt=1, description="Adam's step for the adapter, decayed linearly.")
    value_learning_rate: float = Field(1e-3, gt=0, lt=1, description="Adam's step for the value head.")
    final_learning_rate_share: float = Field(
        0.1, ge=0, le=1, description="Share of the learning rates left at the end."
    )
    clip: float = Field(0.2, gt=0, lt=1, description="The ratio is clipped to 1 +- this.")
    value_clip: float = Field(0.2, gt=0, description="A value may move this far from its old one.")
    value_coefficient: float = Field(0.1, ge=0, description="Weight of the value loss.")
    discount: float = Field(1.0, gt=0, le=1, description="Gamma of the return, a token.")
    gae_lambda: float = Field(0.95, ge=0, le=1, description="Lambda of generalised advantage estimation.")
    kl_coefficient: float = Field(0.1, ge=0, description="Beta at the start: price of a nat of KL, in score units.")
    kl_target_nats: float = Field(
        3.0, gt=0, description="KL to the reference a sequence that the controller steers to."
    )
    kl_budget_nats: float = Field(5.0, gt=0, description="KL to the reference a sequence at which training stops.")
    kl_horizon: int = Field(200, ge=1, description="Completions over which the controller acts.")
    update_kl_target: float = Field(
        0.02, gt=0, description="An update ends once approx-KL a token passes 1.5 times this."
    )
    centre_scores: bool = Field(True, description="Take the mean of the prompt's other samples off each score.")
    truncation_penalty: float = Field(2.0, ge=0, description="Taken off the score of a completion that was cut off.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    tokens_per_batch: int = Field(1300, ge=64, description="Tokens in one micro-batch at most (memory).")
    checkpoint_every: int = Field(1, ge=1, description="Iterations between checkpoints.")
    seed: int = Field(0, ge=0, description="Draws of prompts, completions, mini-batches, and the adapter's start.")
    lora: LoraSettings = Field(LoraSettings(), description="The policy's adapter, where it does not start from one.")
    sampling: SamplingSettings = Field(SamplingSettings(), description="One temperature for sampling and log-probs.")
