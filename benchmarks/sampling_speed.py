"""Sampling 64 completions of up to 96 tokens at 0.7, beside transformers' own `generate` on the same prompts."""

import time
from typing import Any

import torch

from benchmarks.setting import Setting, peak_gigabytes
from language_models.batches import collate
from language_models.sampling import SampleRequest, sample
from language_models.settings import SamplingSettings

COMPLETIONS, NEW_TOKENS = 64, 96


def measure(setting: Setting) -> dict[str, Any]:
    """Tokens a second of both, natural ends, in one run."""
    model, prompts = setting.model, setting.prompts(COMPLETIONS)
    settings = SamplingSettings(max_new_tokens=NEW_TOKENS, batch_size=COMPLETIONS)
    sample(model, [SampleRequest(prompts[0], 0)], SamplingSettings(max_new_tokens=4), None)  # warm up
    began = time.perf_counter()
    ours = sample(
        model, [SampleRequest(ids, setting.seed + place) for place, ids in enumerate(prompts)], settings, None
    )
    ours_seconds = time.perf_counter() - began
    ours_tokens = sum(len(sampled.token_ids) for sampled in ours)
    theirs_seconds, theirs_tokens = _generate(setting, prompts)
    return {
        "completions": COMPLETIONS,
        "tokens": ours_tokens,
        "seconds": round(ours_seconds, 2),
        "tokens_per_second": round(ours_tokens / ours_seconds, 1),
        "generate_tokens_per_second": round(theirs_tokens / theirs_seconds, 1),
        "ratio": round(ours_tokens / ours_seconds / (theirs_tokens / theirs_seconds), 2),
        "peak_gb": peak_gigabytes(),
    }


def _generate(setting: Setting, prompts: list[list[int]]) -> tuple[float, int]:
    model = setting.model
    batch = collate(prompts, [[] for _ in prompts], model.pad_id, model.device)
    torch.manual_seed(setting.seed)
    began = time.perf_counter()
    with torch.no_grad():
        output = model.network.generate(
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
    return seconds, tokens
