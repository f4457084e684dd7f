"""What an adapter has to be so that PEFT, vLLM and this program load it as the same thing: plain LoRA on linear layers.

The rules are those of vLLM's loader, which takes the least: rank, alpha and target modules are stated; one rank for all
modules, within `max_lora_rank`; no bias, no DoRA, no module saved whole, no start that changes the base (PiSSA, OLoRA,
CorDA); safetensors that hold `base_model.model.MODULE.lora_A.weight` and its `lora_B.weight` and nothing else.
Source: https://github.com/vllm-project/vllm, vllm/lora/{peft_helper,lora_model,utils}.py and vllm/config/lora.py.
Ours on top: no rsLoRA (its scale is alpha / sqrt(rank)), no patterns of ranks, no layers beside the listed ones.

Free of torch: only the heads of safetensors files are read.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from language_models.safetensors_heads import NotWhole, TensorHead, heads_of

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
SERVED_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values that vLLM allows for its setting max_lora_rank; an adapter may have any rank up to it."""
FLOATS = {"F32": 4, "F16": 2, "BF16": 2}
_NAME = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_NO = {
    "use_dora": "DoRA",
    "use_rslora": "rsLoRA",
    "lora_bias": "a bias in LoRA layers",
    "modules_to_save": "modules saved whole",
    "rank_pattern": "several ranks (rank_pattern)",
    "alpha_pattern": "several scales (alpha_pattern)",
    "layer_replication": "repeated layers",
    "trainable_token_indices": "trained tokens",
    "target_parameters": "parameters outside of linear layers",
    "megatron_config": "Megatron's layers",
    "exclude_modules": "excluded modules",
    "alora_invocation_tokens": "tokens that switch it on (aLoRA)",
    "use_bdlora": "block-diagonal matrices (BD-LoRA)",
    "arrow_config": "several adapters in one (Arrow)",
    "monteclora_config": "sampled matrices (MonteCLoRA)",
}


class NotPlainLora(ValueError):
    """An adapter that is more, or other, than LoRA matrices of linear layers."""


@dataclass(frozen=True)
class PlainLora:
    """`layers`: (out, in) features of each adapted linear layer, by the name that the base gives it."""

    rank: int
    alpha: float
    layers: dict[str, tuple[int, int]]

    @property
    def served_rank(self) -> int:
        """The least `max_lora_rank` by which vLLM serves it."""
        return min(rank for rank in SERVED_RANKS if rank >= self.rank)


def read(folder: Path) -> PlainLora:
    """The adapter of a folder in PEFT's layout, once it keeps the rules. Raises NotPlainLora with all that is wrong."""
    config = _config(folder)
    faults = _config_faults(config)
    heads = _heads(folder)
    rank = config.get("r")
    sides: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, head in heads.items():
        found = _NAME.fullmatch(name)
        if found is None:
            faults.append(f"it holds {name!r}, which is no LoRA matrix of a linear layer")
            continue
        if head.dtype not in FLOATS:
            faults.append(f"{name} is of type {head.dtype}; allowed are {', '.join(FLOATS)}")
        sides.setdefault(found["module"], {})[found["side"]] = head.shape
    layers = {}
    for module, shapes in sides.items():
        a, b = shapes.get("A", ()), shapes.get("B", ())
        if len(a) != 2 or len(b) != 2 or a[0] != rank or b[1] != rank:
            faults.append(f"{module} has the shapes A {list(a)} and B {list(b)}, not [{rank}, in] and [out, {rank}]")
            continue
        layers[module] = (b[0], a[1])
    if not sides:
        faults.append("it holds no LoRA matrix at all")
    if faults:
        raise NotPlainLora(f"The adapter in {folder.name!r} cannot be used: {'; '.join(faults[:5])}.")
    return PlainLora(int(config["r"]), float(config["lora_alpha"]), layers)


def base_named(folder: Path) -> tuple[str | None, str | None]:
    """Base and revision that the adapter's config names. Raises NotPlainLora where it cannot be read."""
    config = _config(folder)
    return config.get("base_model_name_or_path"), config.get("revision")


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotPlainLora(f"{folder.name!r} is no adapter: it has no {CONFIG}.") from None
    except (OSError, ValueError) as error:
        raise NotPlainLora(f"{folder.name!r} is no adapter: its {CONFIG} cannot be read ({error}).") from error
    if not isinstance(config, dict):
        raise NotPlainLora(f"{folder.name!r} is no adapter: its {CONFIG} holds no settings.")
    return config


def _config_faults(config: Mapping[str, Any]) -> list[str]:
    faults = []
    if config.get("peft_type", "LORA") != "LORA":
        faults.append(f"it is of the kind {config['peft_type']!r}, not 'LORA'")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or not 1 <= rank <= SERVED_RANKS[-1]:
        faults.append(f"its rank is {rank!r}; allowed are whole numbers from 1 to {SERVED_RANKS[-1]}")
    if not isinstance(alpha, int | float) or not (alpha > 0 and math.isfinite(alpha)):
        faults.append(f"its lora_alpha is {alpha!r}; it has to be a number above 0")
    if not config.get("target_modules"):
        faults.append("it names no target_modules")
    if config.get("bias", "none") != "none":
        faults.append(f"it trains biases (bias = {config['bias']!r}); only 'none' is allowed")
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower() not in ("gaussian", "orthogonal", "eva"):
        faults.append(f"it starts by {start!r}, which changes the base's own weights")
    return faults + beyond_matrices(config)


def beyond_matrices(config: Mapping[str, Any]) -> list[str]:
    """What an adapter's config has it compute beside one pair of matrices a layer."""
    return [f"it uses {words}" for name, words in _NO.items() if config.get(name)]


def _heads(folder: Path) -> dict[str, TensorHead]:
    """Type and shape of each tensor by its name."""
    path = folder / WEIGHTS
    if not path.is_file():
        others = [one.name for one in sorted(folder.glob("adapter_model.*"))]
        why = f"it has {', '.join(others)}, and nothing is unpickled here" if others else "there is none"
        raise NotPlainLora(f"The weights in {folder.name!r} have to be {WEIGHTS}: {why}.")
    try:
        return heads_of(path)
    except (OSError, NotWhole) as error:
        raise NotPlainLora(f"{folder.name}/{WEIGHTS} is no safetensors file that can be read ({error}).") from error
