"""A reward model as a folder of its own: lower layers, adapter, head, and reward.py, which scores without us."""

import json
import shutil
from pathlib import Path

from safetensors.torch import save_file

from reward_training.model import RewardModel

SCRIPT = Path(__file__).with_name("reward.py")


def write_module(model: RewardModel, folder: Path, *, system_prompt: str | None) -> None:
    """Writes into an existing folder; `reward.Reward(folder)` gives the scores of `model`, to rounding where its base
    is held in 32 bits, in which it computes."""
    (folder / "base").mkdir()
    (folder / "adapter").mkdir()
    model.trunk.save_network(folder / "base")
    model.trunk.adapters.save(model.adapter, folder / "adapter")
    head = {
        "weight": model.head.linear.weight[0],
        "bias": model.head.linear.bias,
        "centre": model.centre,
        "spread": model.spread,
    }
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in head.items()}, folder / "head.safetensors")
    settings = {
        "mean": model.mean,
        "sd": model.sd,
        "log_nu": model.log_nu,
        "tokens_per_text": model.tokens_per_text,
        "system_prompt": system_prompt,
        "takes_system": model.trunk.takes_system,
        "end_token": model.trunk.end_id,
        "pad_token": model.trunk.pad_id,
    }
    (folder / "reward.json").write_text(json.dumps(settings, indent=1, sort_keys=True), encoding="utf-8")
    shutil.copyfile(SCRIPT, folder / SCRIPT.name)
