"""What a safetensors file holds, by its head alone: 8 bytes of its length, then JSON. Free of torch."""

import json
from dataclasses import dataclass
from pathlib import Path


class NotWhole(ValueError):
    """A file that is no safetensors file, or not all of one."""


@dataclass(frozen=True)
class TensorHead:
    """A tensor's type, as the format names it (F32), and its shape."""

    dtype: str
    shape: tuple[int, ...]


def heads_of(file: Path) -> dict[str, TensorHead]:
    """Each tensor by its name. Raises NotWhole where the file is not as long as its head tells, or has none, and
    OSError."""
    with file.open("rb") as opened:
        size = file.stat().st_size - 8
        length = int.from_bytes(opened.read(8), "little")
        if not 0 < length <= size:
            raise NotWhole("its head is longer than the file")
        try:
            entries = {name: one for name, one in json.loads(opened.read(length)).items() if name != "__metadata__"}
            heads = {
                name: TensorHead(str(one["dtype"]), tuple(int(side) for side in one["shape"]))
                for name, one in entries.items()
            }
            end = max((one["data_offsets"][1] for one in entries.values()), default=0)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise NotWhole(f"its head cannot be read: {error}") from error
    if end != size - length:
        raise NotWhole("it was cut short")
    return heads
