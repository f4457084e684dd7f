"""Tiny random models for tests: adapters hold random non-zero weights, else a test of them is empty."""

import torch

from language_models.identity import BaseIdentity
from language_models.model import LanguageModel
from language_models.settings import LoraSettings
from language_models.tiny import tiny_model, tiny_tokenizer

MESSAGES = [{"role": "user", "content": "Say something, please."}]


def randomise(model: LanguageModel, adapter: str, seed: int, scale: float = 0.3) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.adapters.parameters(adapter).values():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)


def fresh_tiny(pad_is_eos: bool = False, numbers: torch.dtype = torch.float32) -> LanguageModel:
    tokenizer = tiny_tokenizer()
    network = tiny_model(tokenizer).to(numbers)
    if pad_is_eos:
        tokenizer.pad_token = tokenizer.eos_token
    return LanguageModel(network, tokenizer, BaseIdentity("tiny:", "weights", "tokenizer", "template"))


def tiny_with_adapters() -> LanguageModel:
    model = fresh_tiny()
    for seed, name in enumerate(("policy", "other")):
        model.adapters.add(name, LoraSettings(rank=4, alpha=8), seed)
        randomise(model, name, seed)
    return model
