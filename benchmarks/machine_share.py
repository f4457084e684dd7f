"""How much of the machine the update of PPO uses: its arithmetic against the fp32 matmul rate of the same minutes.

Counted is what the update has to compute on real tokens, without padding: for each linear layer a forward pass and a
backward pass to its input, for LoRA's matrices also to themselves (the base's are frozen), the output layer on
completion tokens alone, and causal attention. So padding and work done twice count against us. Processor seconds of the
epochs alone are the difference of two runs, one with twice the epochs, on the same rollouts.
"""

import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from benchmarks.setting import Setting
from language_models.model import LanguageModel
from language_models.sampling import Sampled
from language_models.settings import SamplingSettings
from policy_training.algorithms import ppo
from policy_training.algorithms.settings.ppo import Settings
from policy_training.records import Given, PromptItem, StepReport
from policy_training.settings import GuardSettings

ROWS, NEW_TOKENS, EPOCHS = 16, 48, 4
SIDE = 2048  # of the square matrices whose product is timed


class _Measured(Exception):
    """The first iteration is over: the pass that would measure its result is not needed."""


def measure(setting: Setting) -> dict[str, Any]:
    """Share of the matmul rate that the update reaches, by the clock and by processor time (medians over trials)."""
    prompts = setting.prompts(setting.trials(ROWS, 4))
    prompt_tokens, new_tokens = [len(ids) for ids in prompts], setting.trials(NEW_TOKENS, 8)
    work = EPOCHS * floating_operations(setting.model, prompt_tokens, [new_tokens] * len(prompts))
    rates, updates = [matmul_rate(setting.trials(SIDE, 256))], []
    for trial in range(setting.trials(3, 1)):
        once = _iteration(setting, prompts, new_tokens, EPOCHS, f"measured-{trial}")
        twice = _iteration(setting, prompts, new_tokens, 2 * EPOCHS, f"measured-twice-{trial}")
        updates.append((work / once[0], work / max(twice[1] - once[1], 1e-9)))
        rates.append(matmul_rate(setting.trials(SIDE, 256)))
    by_clock, by_processor = (statistics.median(rate[kind] for rate in rates) for kind in (0, 1))
    return {
        "threads": torch.get_num_threads(),
        "operations_an_update": work,
        "matmul_gflops": round(by_clock / 1e9, 1),
        "matmul_gflops_a_processor_second": round(by_processor / 1e9, 1),
        "update_gflops": [round(one / 1e9, 1) for one, _ in updates],
        "share": round(statistics.median(one for one, _ in updates) / by_clock, 3),
        "share_by_processor_time": round(statistics.median(one for _, one in updates) / by_processor, 3),
    }


def floating_operations(model: LanguageModel, prompts: Sequence[int], completions: Sequence[int]) -> float:
    """Of one forward and backward pass over rows of so many prompt and completion tokens, LoRA of rank 16 on every
    linear layer but the output. A multiplication with its addition is two."""
    network: Any = model.network.get_base_model() if model.adapters.names else model.network
    output = network.get_output_embeddings()
    rank = Settings().lora.rank
    config = network.config.get_text_config()
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    width = config.num_hidden_layers * config.num_attention_heads * head
    frozen = trained = 0
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear) and module is not output and ".lora_" not in name:
            frozen += module.in_features * module.out_features
            trained += rank * (module.in_features + module.out_features)
    rows = [prompt + completion for prompt, completion in zip(prompts, completions, strict=True)]
    linear = (4 * frozen + 6 * trained) * sum(rows)
    attention = sum(6 * width * row**2 for row in rows)  # two products, half of each masked, and twice that backwards
    return float(linear + attention + 4 * output.weight.numel() * sum(completions))


def matmul_rate(side: int, seconds: float = 1.0) -> tuple[float, float]:
    """Floating-point operations a second, and a processor second, of a product of square fp32 matrices."""
    one, other = torch.rand(side, side), torch.rand(side, side)
    one @ other
    done, began, processor = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        one @ other
        done += 1
    work = 2.0 * side**3 * done
    return work / (time.perf_counter() - began), work / max(time.process_time() - processor, 1e-9)


def _iteration(
    setting: Setting, prompts: Sequence[Sequence[int]], new_tokens: int, epochs: int, adapter: str
) -> tuple[float, float]:
    """Seconds of the update, and processor seconds of the whole iteration; no token ends a completion."""
    settings = Settings(
        steps=1, prompts_per_step=len(prompts), samples_per_prompt=1, epochs=epochs, minibatches=1,
        learning_rate=1e-5, update_kl_target=1e9, kl_budget_nats=1e9, seed=setting.seed,
        guards=GuardSettings(stop=False), sampling=SamplingSettings(max_new_tokens=new_tokens, batch_size=len(prompts)),
    )  # fmt: skip
    found: list[tuple[float, float]] = []

    def on_step(report: StepReport) -> None:
        found.append((report.metrics["seconds_update"], time.process_time() - began))
        raise _Measured

    items = [PromptItem(place, ids) for place, ids in enumerate(prompts)]
    ends, setting.model.stop_ids = setting.model.stop_ids, frozenset()
    began = time.process_time()
    try:
        with TemporaryDirectory() as folder, suppress(_Measured):
            ppo.train(Given(setting.model, items, _commas, Path(folder), on_step, adapter=adapter), settings)
    finally:
        setting.model.stop_ids = ends
        setting.model.adapters.remove(adapter)
    return found[0]


def _commas(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [float(completion.text.count(",")) for completion in sampled]
