"""Checkpoints of a training run: tensors and a small JSON state in content-checked folders, the newest few kept.

Only safetensors and JSON are written; nothing is ever unpickled. A folder that fails its check is passed over for the
one before it.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, optim

from language_models import folders
from language_models.pause_points import pause_point

NAMES, TENSORS, STATE = "step-*", "tensors.safetensors", "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved after `step` finished steps."""

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors saved under `prefix/`, by the rest of their names."""
        return {key[len(prefix) + 1 :]: value for key, value in self.tensors.items() if key.startswith(prefix + "/")}


def save_checkpoint(
    folder: Path, step: int, groups: Mapping[str, Mapping[str, Tensor]], state: dict[str, Any], keep: int = 2
) -> None:
    """Writes `folder`/step-N atomically, then removes all but the `keep` newest. What is there of later steps failed
    its check, or training would have gone on from it: it goes as well."""
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, named in groups.items()
        for name, tensor in named.items()
    }
    final = folder / f"step-{step:06d}"
    if final.exists():  # left by an attempt that was resumed from an older one because this one failed its check
        shutil.rmtree(final)
    with folders.write_folder(final) as temporary:
        save_file(tensors, temporary / TENSORS)
        pause_point("checkpoint-tensors-written")
        (temporary / STATE).write_text(json.dumps({"step": step, **state}, sort_keys=True))
        pause_point("checkpoint-state-written")
    there = sorted(folder.glob(NAMES))
    kept = [path for path in there if path <= final][-keep:]
    for other in {*there} - {*kept}:
        shutil.rmtree(other, ignore_errors=True)
    pause_point("older-checkpoints-removed")


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that passes its check, or None. Clears away what a killed writer left behind."""
    if not folder.is_dir():
        return None
    folders.remove_unfinished(folder)
    path = folders.newest_whole(folder, NAMES)
    if path is None:
        return None
    state = json.loads((path / STATE).read_text())
    return Checkpoint(state.pop("step"), load_file(path / TENSORS), state)


def optimizer_tensors(optimizer: optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's moments and counts as named tensors: "parameter index/name"."""
    state = optimizer.state_dict()["state"]
    return {f"{index}/{name}": value for index, named in state.items() for name, value in named.items()}


def restore_optimizer(optimizer: optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Puts back what `optimizer_tensors` gave, into an optimiser over the same parameters in the same order."""
    saved = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = value.clone()
    optimizer.load_state_dict({"state": state, "param_groups": saved["param_groups"]})
