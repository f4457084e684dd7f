"""What annotating feels like: from a key press to the next pair, and with 200 people at once."""

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import annotate_keys, annotate_load
from benchmarks.setting import Setting

CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "keys_loopback": partial(annotate_keys.keys, 0.0),
    "keys_50ms": partial(annotate_keys.keys, 0.05),
    "keys_200ms": partial(annotate_keys.keys, 0.2),
    "crowd": partial(annotate_load.load, False),
    "crowd_training": partial(annotate_load.load, True),
}
