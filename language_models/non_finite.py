"""What trainers raise where losses or gradients stay no numbers; what they came from is kept to be looked at."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from language_models.batches import Batch
from language_models.errors import NonFiniteLoss

NON_FINITE_IN_A_ROW = 3
"""So many skipped steps one after the other fail a run."""


def not_finite(what: str, weights: Mapping[str, Tensor], batches: Sequence[Batch], folder: Path) -> NonFiniteLoss:
    """The error to raise. Weights and token ids of the last step go into non-finite.safetensors in `folder`, which is
    made where it is not there."""
    saved = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    saved |= {f"input_ids.{index}": batch.input_ids.cpu() for index, batch in enumerate(batches)}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(saved, folder / "non-finite.safetensors")
    return NonFiniteLoss(
        f"{what} was not finite {NON_FINITE_IN_A_ROW} times in a row; try a lower learning rate. Weights and token ids "
        "are in non-finite.safetensors beside the checkpoints"
    )
