"""Sampling 64 completions of up to 96 tokens at 0.7, beside transformers' own `generate` on the same prompts.

`natural`: completions end where they end, which both decide by draws of their own. `full_length`: no token ends one.
Both take turns; a ratio is taken within its turn.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any
from unittest import mock

import torch
from transformers import AutoModelForCausalLM

from benchmarks.setting import Setting, peak_gigabytes
from language_models.fetch import ensure
from language_models.sampling import SampleRequest, sample
from language_models.settings import SamplingSettings

COMPLETIONS, NEW_TOKENS, TEMPERATURE = 64, 96, 0.7
TURNS = 5  # the first is warm-up
Drawn = tuple[float, int]
"""Seconds, and tokens up to each completion's end."""


def measure(setting: Setting, *, full_length: bool) -> dict[str, Any]:
    """Tokens a second of both by turn, and the median of the turns' ratios."""
    prompts, new_tokens = setting.prompts(setting.trials(COMPLETIONS, 4)), setting.trials(NEW_TOKENS, 8)
    ends = mock.patch.object(setting.model, "stop_ids", frozenset()) if full_length else nullcontext()
    network = AutoModelForCausalLM.from_pretrained(ensure(setting.base), dtype=torch.float32).eval()  # as it comes
    ours, theirs = list[Drawn](), list[Drawn]()
    with ends:
        for turn in range(setting.trials(TURNS, 2)):
            ours.append(_sample(setting, prompts, new_tokens, turn))
            theirs.append(_generate(setting, network, prompts, new_tokens, turn))
    rates, their_rates = ([tokens / seconds for seconds, tokens in found[1:]] for found in (ours, theirs))
    ratios = [rate / other for rate, other in zip(rates, their_rates, strict=True)]
    return {
        "completions": len(prompts),
        "tokens": [tokens for _, tokens in ours[1:]],
        "generate_tokens": [tokens for _, tokens in theirs[1:]],
        "tokens_per_second": [round(rate, 1) for rate in rates],
        "generate_tokens_per_second": [round(rate, 1) for rate in their_rates],
        "ratio": round(statistics.median(ratios), 2),
        "lowest_and_highest": [round(min(ratios), 2), round(max(ratios), 2)],
        "peak_gb": peak_gigabytes(),
    }


def _sample(setting: Setting, prompts: list[list[int]], new_tokens: int, turn: int) -> Drawn:
    first = len(prompts) * (setting.seed * TURNS + turn)
    requests = [SampleRequest(ids, first + place) for place, ids in enumerate(prompts)]
    settings = SamplingSettings(max_new_tokens=new_tokens, batch_size=len(prompts), temperature=TEMPERATURE)
    began = time.perf_counter()
    drawn = sample(setting.model, requests, settings, None)
    return time.perf_counter() - began, sum(len(one.token_ids) for one in drawn)


def _generate(setting: Setting, network: Any, prompts: list[list[int]], new_tokens: int, turn: int) -> Drawn:
    model = setting.model
    batch = model.laid_out(prompts, [[] for _ in prompts])
    torch.manual_seed(setting.seed * TURNS + turn)
    began = time.perf_counter()
    with torch.no_grad():
        output = network.generate(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            do_sample=True,
            temperature=TEMPERATURE,
            top_k=0,
            top_p=1.0,
            max_new_tokens=new_tokens,
            eos_token_id=sorted(model.stop_ids) or [-1],  # -1: a token that there is not
            pad_token_id=model.pad_id,
        )
    seconds = time.perf_counter() - began
    tokens = 0
    for row in output[:, batch.input_ids.shape[1] :].tolist():
        ends = [place for place, token in enumerate(row) if token in model.stop_ids]
        tokens += ends[0] + 1 if ends else len(row)
    return seconds, tokens


CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "natural": partial(measure, full_length=False),
    "full_length": partial(measure, full_length=True),
}
