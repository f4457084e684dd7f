"""By what a base is known: the hashes of its weights, its tokenizer and its chat template."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from language_models import folders
from language_models.sources import weight_files


@dataclass(frozen=True)
class BaseIdentity:
    """What a policy or a reward model is tied to: the base's weights, its tokenizer and its chat template.

    `former_sha256s`: what stood for the same weights before 0.2.0, where that is another: the hash of a converted
    base's manifest, or one that files beside the weights went into which nothing loads.
    """

    source: str
    sha256: str
    tokenizer_sha256: str
    template_sha256: str
    former_sha256s: tuple[str, ...] = ()

    def known_as(self, sha256: str | None) -> "BaseIdentity":
        """The same, by a former name of its weights where that is how they were recorded."""
        return replace(self, sha256=sha256) if sha256 is not None and sha256 in self.former_sha256s else self


def identity_of(source: str, folder: Path, tokenizer: PreTrainedTokenizerBase) -> BaseIdentity:
    """Hashes of weights, tokenizer and template. Those of a converted model's weights are in its manifest; others are
    read once. Configs do not count: they hold the version of the library that wrote them.
    """
    known = _manifest(folder)
    loaded, all_there = weight_files(folder), sorted(folder.glob("*.safetensors"))
    former = [hashlib.sha256(folders.manifest_sha256(folder).encode()).hexdigest()] if known else []
    if loaded != all_there:
        former.append(_weights_sha256(all_there, known))
    template = (tokenizer.get_chat_template() if tokenizer.chat_template else "").encode()
    vocabulary = repr(sorted(tokenizer.get_vocab().items())).encode()
    return BaseIdentity(
        source,
        _weights_sha256(loaded, known),
        hashlib.sha256(vocabulary).hexdigest(),
        hashlib.sha256(template).hexdigest(),
        tuple(former),
    )


def _manifest(folder: Path) -> Mapping[str, str]:
    """The sha256 of each file by the folder's manifest; empty where it has none, or a file of that name that other
    programs wrote."""
    try:
        found = json.loads((folder / folders.MANIFEST).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(one, str) for one in found.values()) else {}


def _weights_sha256(files: Iterable[Path], known: Mapping[str, str]) -> str:
    weights = hashlib.sha256()
    for path in files:
        weights.update((known.get(path.name) or folders.file_sha256(path)).encode())
    return weights.hexdigest()
