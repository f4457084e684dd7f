"""Sampling 64 completions of up to 96 tokens at 0.7, beside transformers' own `generate` on the same prompts."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import torch
from transformers import AutoModelForCausalLM

from benchmarks.setting import Setting, peak_gigabytes
from language_models.batches import collate
from language_models.fetch import ensure
from language_models.model import LanguageModel
from language_models.sampling import SampleRequest, sample
from language_models.seeds import completion_seed
from language_models.settings import SamplingSettings

COMPLETIONS, NEW_TOKENS, TURNS = 64, 96, 3


def measure(setting: Setting, *, natural: bool) -> dict[str, Any]:
    """Tokens a second of both in turns; `natural`: completions end where they end, else all are of full length."""
    model, prompts = setting.model, setting.prompts(COMPLETIONS)
    theirs = AutoModelForCausalLM.from_pretrained(ensure(setting.base), dtype=torch.float32).eval()
    if not natural:
        theirs.generation_config.eos_token_id = None
    ends = model.stop_ids if natural else frozenset[int]()
    with mock.patch.object(model, "stop_ids", ends):
        turns = [
            (_ours(model, prompts, setting.seed + turn), _generate(model, theirs, prompts, setting.seed + turn))
            for turn in range(-1, setting.trials(TURNS, 1))
        ][1:]  # the first warms up
    ratios = [ours / generate for (ours, _), (generate, _) in turns]
    return {
        "completions": COMPLETIONS,
        "tokens": [tokens for (_, tokens), _ in turns],
        "tokens_per_second": [round(rate, 1) for (rate, _), _ in turns],
        "generate_tokens_per_second": [round(rate, 1) for _, (rate, _) in turns],
        "ratio": round(statistics.median(ratios), 2),
        "lowest_and_highest": [round(min(ratios), 2), round(max(ratios), 2)],
        "peak_gb": peak_gigabytes(),
    }


def _ours(model: LanguageModel, prompts: list[list[int]], seed: int) -> tuple[float, int]:
    """Tokens a second, and how many."""
    requests = [SampleRequest(ids, completion_seed(seed, place, 0)) for place, ids in enumerate(prompts)]
    began = time.perf_counter()
    drawn = sample(model, requests, SamplingSettings(max_new_tokens=NEW_TOKENS, batch_size=COMPLETIONS), None)
    tokens = sum(len(sampled.token_ids) for sampled in drawn)
    return tokens / (time.perf_counter() - began), tokens


def _generate(model: LanguageModel, network: Any, prompts: list[list[int]], seed: int) -> tuple[float, int]:
    batch = collate(prompts, [[] for _ in prompts], model.pad_id, model.device)
    torch.manual_seed(seed)
    began = time.perf_counter()
    with torch.no_grad():
        output = network.generate(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            do_sample=True,
            temperature=0.7,
            top_k=0,
            max_new_tokens=NEW_TOKENS,
            pad_token_id=model.pad_id,
        )
    seconds = time.perf_counter() - began
    tokens = 0
    for row in output[:, batch.input_ids.shape[1] :].tolist():
        ends = [place for place, token in enumerate(row) if token in model.stop_ids]
        tokens += ends[0] + 1 if ends else len(row)
    return tokens / seconds, tokens


CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "natural": partial(measure, natural=True),
    "full_length": partial(measure, natural=False),
}
